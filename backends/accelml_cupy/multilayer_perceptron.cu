// What follows the matrix product of a layer, in one pass over the product and in its place.
//
// Each activation stands beside its derivative, as in accelml/objectives/activations.py. All keep
// what is not a number as it is: a comparison with NaN is false.

struct Identity {
    template <typename T>
    static __device__ T apply(T z) { return z; }
    template <typename T>
    static __device__ T backward(T, T delta) { return delta; }
};

struct Logistic {
    template <typename T>
    static __device__ T apply(T z)
    {
        const T e = exp(-fabs(z));
        return (z >= 0 ? T(1) : e) / (1 + e);
    }
    template <typename T>
    static __device__ T backward(T a, T delta) { return delta * a * (1 - a); }
};

struct Tanh {
    template <typename T>
    static __device__ T apply(T z) { return tanh(z); }
    template <typename T>
    static __device__ T backward(T a, T delta) { return delta * (1 - a * a); }
};

struct Relu {
    template <typename T>
    static __device__ T apply(T z) { return z < 0 ? T(0) : z; }
    template <typename T>
    static __device__ T backward(T a, T delta) { return a > 0 ? delta : T(0); }
};

// z <- f(z + bias). A thread keeps its column, hence its bias, and goes down the rows: neighbours
// in x touch neighbours in memory, and no index is divided.
template <typename Activation, typename T>
__global__ void add_bias_and_activate(T* z, const T* bias, long long rows, long long columns)
{
    const long long column = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    const T b = bias[column];
    const long long stride = static_cast<long long>(gridDim.y) * blockDim.y;
    long long row = static_cast<long long>(blockIdx.y) * blockDim.y + threadIdx.y;
    for (; row < rows; row += stride) {
        const long long i = row * columns + column;
        z[i] = Activation::apply(z[i] + b);
    }
}

// delta <- delta * f'(z), from a = f(z).
template <typename Activation, typename T>
__global__ void multiply_by_derivative(T* delta, const T* a, long long size)
{
    const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i < size; i += stride)
        delta[i] = Activation::backward(a[i], delta[i]);
}
