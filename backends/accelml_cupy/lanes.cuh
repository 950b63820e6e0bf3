// Threads that share a row.
//
// A row of a matrix is shared by blockDim.x neighbouring threads, its lanes: a power of two, at most
// a warp, so that a row of ten classes does not leave half a warp idle. Lanes combine what they found
// by shuffles, in an order that does not depend on timing: the same input gives the same bits.

constexpr unsigned whole_warp = 0xffffffff;

template <typename T>
__device__ T sum_over(int lanes, T value)
{
    for (int offset = lanes / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(whole_warp, value, offset);
    return value;
}

template <typename T>
__device__ T sum_over_lanes(T value) { return sum_over(blockDim.x, value); }

template <typename T>
__device__ T largest_over_lanes(T value)
{
    for (int offset = blockDim.x / 2; offset > 0; offset /= 2) {
        const T other = __shfl_xor_sync(whole_warp, value, offset);
        value = other > value ? other : value;
    }
    return value;
}

// The row that a thread works on. Threads past the last row have no columns, but stay to the end:
// a shuffle needs the whole warp.
struct Row {
    long long number;
    long long start;
    long long columns;
    bool exists;

    __device__ Row(long long rows, long long width)
    {
        number = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
        exists = number < rows;
        number = exists ? number : 0;
        start = number * width;
        columns = exists ? width : 0;
    }
};
