// What follows the matrix product of a layer, in one pass over the product and in its place.

#include "activations.cuh"

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
