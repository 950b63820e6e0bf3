// The Gaussian of independent features: moments of the rows, and log densities, each reading X from
// memory once. Whatever is summed is summed in an order that depends on the shapes alone.

#include "lanes.cuh"

// Weight, mean and scatter of a piece of `length` rows, a thread for each piece and column, by the two
// passes that lose no digits far from the origin; in the second the rows are still in the cache. As
// in accelml/anomaly/moments.py the mean is summed from the heaviest row, which makes that of a
// constant feature exact.
template <typename T>
__global__ void moments_of_pieces(
    const T* X, const double* weights, double* weight_of, double* mean_of, double* scatter_of,
    long long n, long long features, long long length)
{
    const long long column = static_cast<long long>(blockIdx.y) * blockDim.x + threadIdx.x;
    const long long piece = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    const long long begin = piece * length;
    if (column >= features || begin >= n) return;
    const long long end = begin + length < n ? begin + length : n;
    const T* x = X + column;

    long long heaviest = begin;
    double weight = 0;
    for (long long i = begin; i < end; ++i) {
        heaviest = weights[i] > weights[heaviest] ? i : heaviest;
        weight += weights[i];
    }
    const double origin = x[heaviest * features];
    double apart = 0;
    for (long long i = begin; i < end; ++i) apart += weights[i] * (x[i * features] - origin);
    const double mean = origin + apart / (weight > 0 ? weight : 1);
    double scatter = 0;
    for (long long i = begin; i < end; ++i) {
        const double distance = x[i * features] - mean;
        scatter += weights[i] * (distance * distance);
    }
    mean_of[piece * features + column] = mean;
    scatter_of[piece * features + column] = scatter;
    if (column == 0) weight_of[piece] = weight;
}

constexpr int most_threads = 1024;

// The sum of what the threads of a column of the block hold, known to all of them.
__device__ double sum_down_block(double* shared, double value)
{
    __syncthreads();
    shared[threadIdx.y * blockDim.x + threadIdx.x] = value;
    __syncthreads();
    double sum = 0;
    for (unsigned strip = 0; strip < blockDim.y; ++strip)
        sum += shared[strip * blockDim.x + threadIdx.x];
    return sum;
}

// The piece of the largest weight; each thread of a column looks at some of them.
__device__ long long heaviest_piece(const double* weight_of, long long pieces)
{
    __shared__ long long found[most_threads];
    long long heaviest = threadIdx.y < pieces ? threadIdx.y : 0;
    for (long long p = heaviest; p < pieces; p += blockDim.y)
        heaviest = weight_of[p] > weight_of[heaviest] ? p : heaviest;
    if (threadIdx.x == 0) found[threadIdx.y] = heaviest;
    __syncthreads();
    heaviest = found[0];  // of equally heavy ones the same for all threads
    for (unsigned strip = 1; strip < blockDim.y; ++strip)
        heaviest = weight_of[found[strip]] > weight_of[heaviest] ? found[strip] : heaviest;
    return heaviest;
}

// The pieces together: scatter = sum of their scatters + sum of w (their mean - mean)^2. The mean is
// summed from that of the heaviest piece, since of a piece without weight it may be far away.
__global__ void merge_moments(
    const double* weight_of, const double* mean_of, const double* scatter_of, double* weight,
    double* mean, double* scatter, long long pieces, long long features)
{
    __shared__ double shared[most_threads];
    const long long column = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    const bool exists = column < features;
    const long long c = exists ? column : 0;

    const double origin = mean_of[heaviest_piece(weight_of, pieces) * features + c];
    double total = 0, apart = 0;
    for (long long p = threadIdx.y; p < pieces; p += blockDim.y) {
        total += weight_of[p];
        apart += weight_of[p] * (mean_of[p * features + c] - origin);
    }
    total = sum_down_block(shared, total);
    const double center = origin + sum_down_block(shared, apart) / (total > 0 ? total : 1);
    double sum = 0;
    for (long long p = threadIdx.y; p < pieces; p += blockDim.y) {
        const double distance = mean_of[p * features + c] - center;
        sum += scatter_of[p * features + c] + weight_of[p] * (distance * distance);
    }
    sum = sum_down_block(shared, sum);
    if (!exists || threadIdx.y > 0) return;
    mean[column] = center;
    scatter[column] = sum;
    if (column == 0) *weight = total;
}

// peak - |(x - mean) W|^2 / 2 with a diagonal W. A distance that overflows, also as infinity less
// infinity, is infinite.
template <typename T>
__global__ void log_density(
    const T* X, const T* mean, const T* remainder, const T* whitening, const T* peak, T* scores,
    long long n, long long features)
{
    const Row row(n, features);
    T distance = 0;
    for (long long f = threadIdx.x; f < row.columns; f += blockDim.x) {
        const T z = (X[row.start + f] - mean[f]) * whitening[f] - remainder[f] * whitening[f];
        distance += z * z;
    }
    distance = sum_over_lanes(distance);
    if (row.exists && threadIdx.x == 0)
        scores[row.number] = distance == distance ? *peak - distance / 2 : log(T(0));
}
