// One step of an optimiser for all arrays of parameters at once: blockIdx.y says which.
//
// The table of arrays is itself an argument of the kernel, so nothing is copied to the device
// before a launch. Arguments may take 4 KiB together, which limits how many arrays a launch takes;
// the settings lie on the device already, so no launch waits for them either.

constexpr int leaves_per_launch = 32;  // accelml_cupy/optimize.py says the same

template <typename T>
struct AdamLeaf {
    const T* x;
    const T* gradient;
    const T* mean;
    const T* square;
    T* new_x;
    T* new_mean;
    T* new_square;
    long long size;
};

template <typename T>
struct AdamLeaves {
    AdamLeaf<T> leaf[leaves_per_launch];
};

template <typename T>
__global__ void adam_step(
    const AdamLeaves<T> leaves, const double* learning_rate, const double* beta_1,
    const double* beta_2, const double* epsilon, const double* steps, double* new_steps)
{
    const AdamLeaf<T> leaf = leaves.leaf[blockIdx.y];
    const long long first = static_cast<long long>(blockIdx.x) * blockDim.x;
    // The grid fits the largest array; of a smaller one, later blocks have nothing to do. The first
    // block always stays, because it counts the step.
    if (first >= leaf.size && blockIdx.x > 0) return;

    // Two powers in double precision: once for each block, not for each thread.
    __shared__ double rate;
    if (threadIdx.x == 0) {
        const double step = *steps + 1;
        rate = *learning_rate * sqrt(1 - pow(*beta_2, step)) / (1 - pow(*beta_1, step));
        if (blockIdx.x == 0 && blockIdx.y == 0) *new_steps = step;
    }
    __syncthreads();

    const T r = static_cast<T>(rate);
    const T e = static_cast<T>(*epsilon);
    const T keep_1 = static_cast<T>(*beta_1), take_1 = static_cast<T>(1 - *beta_1);
    const T keep_2 = static_cast<T>(*beta_2), take_2 = static_cast<T>(1 - *beta_2);
    const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = first + threadIdx.x; i < leaf.size; i += stride) {
        const T g = leaf.gradient[i];
        const T m = keep_1 * leaf.mean[i] + take_1 * g;
        const T v = keep_2 * leaf.square[i] + take_2 * (g * g);
        leaf.new_mean[i] = m;
        leaf.new_square[i] = v;
        leaf.new_x[i] = leaf.x[i] - r * m / (sqrt(v) + e);
    }
}

template <typename T>
struct SGDLeaf {
    const T* x;
    const T* gradient;
    const T* velocity;
    T* new_x;
    T* new_velocity;
    long long size;
};

template <typename T>
struct SGDLeaves {
    SGDLeaf<T> leaf[leaves_per_launch];
};

template <bool nesterov, typename T>
__global__ void sgd_step(
    const SGDLeaves<T> leaves, const double* learning_rate, const double* momentum)
{
    const SGDLeaf<T> leaf = leaves.leaf[blockIdx.y];
    const T rate = static_cast<T>(*learning_rate);
    const T mu = static_cast<T>(*momentum);
    const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i < leaf.size; i += stride) {
        const T push = rate * leaf.gradient[i];
        const T v = mu * leaf.velocity[i] - push;
        leaf.new_velocity[i] = v;
        leaf.new_x[i] = leaf.x[i] + (nesterov ? mu * v - push : v);
    }
}
