// The activations of a layer.
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
