// The nearest center of each row, without the n x k distances ever being in memory; and the sums of
// the rows of each cluster, over rows in the order of their clusters and not by atomics, so that the
// same input gives the same bits.

#include "lanes.cuh"

constexpr int warp_lanes = 32;

// Values that a thread reads from shared memory at once.
template <typename T, int count>
struct alignas(sizeof(T) * count) Pack {
    T value[count];
};

// More than any distance.
template <typename T>
constexpr T huge = static_cast<T>(sizeof(T) == 4 ? 3.4e38 : 1.7e308);

// What is known of the centers that a row has met: |c|^2 - 2 x.c of the nearest and of the next,
// which is |x - c|^2 but for the |x|^2 that all centers of a row share.
template <typename T>
struct Nearest {
    T best;
    T second;
    int label;

    __device__ void meet(T value, int center)
    {
        const bool wins = value < best;
        const T other = wins ? best : value;
        second = other < second ? other : second;
        best = wins ? value : best;
        label = wins ? center : label;
    }

    // Take in what other lanes have met; all of them know the same after it.
    __device__ void combine(int lanes)
    {
        for (int offset = lanes / 2; offset > 0; offset /= 2) {
            const T their_best = __shfl_xor_sync(whole_warp, best, offset);
            const T their_second = __shfl_xor_sync(whole_warp, second, offset);
            const int their_label = __shfl_xor_sync(whole_warp, label, offset);
            const bool wins = their_best < best || (their_best == best && their_label < label);
            const T loser = wins ? best : their_best;
            const T next = their_second < second ? their_second : second;
            second = loser < next ? loser : next;
            best = wins ? their_best : best;
            label = wins ? their_label : label;
        }
    }
};

// Distances of the expanded form err by `doubt` of |x|^2 + |c|^2; direct ones by `margin` of the root
// of that and of themselves (accelml/cluster/distances.py).
struct Rounding {
    double doubt;
    double margin;
};

// Of the centers that the expanded form leaves in question, the nearest by direct distances, one
// after another. A whole warp does it for one row.
template <typename T>
__device__ int settle(
    const T* x, T norm, const T* centers, T largest, Nearest<T> found, Rounding rounding,
    long long count, long long features)
{
    const double scale = static_cast<double>(norm) + static_cast<double>(largest);
    const double limit = static_cast<double>(norm) + found.best + rounding.doubt * scale;
    const int lane = threadIdx.x % warp_lanes;
    double best = huge<double>;
    int label = found.label;
    for (long long j = 0; j < count; ++j) {
        double distance = 0;
        for (long long f = lane; f < features; f += warp_lanes) {
            const T gap = x[f] - centers[j * features + f];
            distance += static_cast<double>(gap * gap);
        }
        distance = sum_over(warp_lanes, distance);
        if (distance <= limit && distance < best - rounding.margin * sqrt(distance * scale)) {
            best = distance;
            label = static_cast<int>(j);
        }
    }
    return label;
}

template <typename T>
__device__ bool is_open(Nearest<T> found, T norm, T largest, Rounding rounding)
{
    const double scale = static_cast<double>(norm) + static_cast<double>(largest);
    return found.second <= found.best + rounding.doubt * scale;
}

// How a block shares its work: tiles of rows and of centers meet in shared memory, `depth` features
// at a time. A thread keeps the products of `own_rows` rows and `own_centers` centers in registers,
// and reads `pack` neighbours of either at once.
template <typename T, int width>
struct Tile {
    static constexpr int lanes = width < 64 ? 8 : 16;  // threads side by side along the centers
    static constexpr int own_centers = width / lanes;
    static constexpr int own_rows = 32 / static_cast<int>(sizeof(T));
    static constexpr int threads = 128;
    static constexpr int height = threads / lanes;  // threads one below the other along the rows
    static constexpr int rows = height * own_rows;
    static constexpr int depth = 16;
    static constexpr int widest = 16 / static_cast<int>(sizeof(T));
    static constexpr int pack = own_centers < widest ? own_centers : widest;
    // A column more than needed, so that what is stored together lies in several banks.
    static constexpr int row_pitch = rows + widest;
    static constexpr int center_pitch = width + widest;
    static constexpr int row_loads = rows * depth / threads;
    static constexpr int center_loads = width * depth / threads;

    // The place in its tile of a thread's i-th row or center: packs of neighbours, far apart.
    static __device__ int place(int thread, int i, int across)
    {
        return (i / pack * across + thread) * pack + i % pack;
    }
};

// A thread's share of one tile, on its way from global to shared memory. `step` rows lie between two
// of a thread's values, all of the same feature. Past the end there are zeros.
template <int loads, int step, typename T>
__device__ void fetch(
    T (&held)[loads], const T* source, long long left, long long features, long long feature)
{
#pragma unroll
    for (int i = 0; i < loads; ++i)
        held[i] = i * step < left && feature < features ? source[i * step * features] : T(0);
}

template <int loads, int step, typename T>
__device__ void store(T* tile, const T (&held)[loads])
{
#pragma unroll
    for (int i = 0; i < loads; ++i) tile[i * step] = held[i];
}

template <int pack, int count, int across, typename T>
__device__ void read(T (&own)[count], const T* tile, int thread)
{
#pragma unroll
    for (int i = 0; i < count; i += pack) {
        const auto part
            = *reinterpret_cast<const Pack<T, pack>*>(tile + (i / pack * across + thread) * pack);
#pragma unroll
        for (int j = 0; j < pack; ++j) own[i + j] = part.value[j];
    }
}

// Three blocks share the registers of a processor, so that one multiplies while another waits.
template <typename T, int width>
__global__ void __launch_bounds__(Tile<T, width>::threads, 3) nearest_center(
    const T* X, const T* norms, const T* centers, const T* center_norms, const T* largest,
    double doubt, double margin, int* labels, long long n, long long count, long long features)
{
    using Shape = Tile<T, width>;
    constexpr int pack = Shape::pack, own_rows = Shape::own_rows, own_centers = Shape::own_centers;
    // Two of each: the next tiles are on their way while these are multiplied.
    alignas(16) __shared__ T row_tiles[2][Shape::depth * Shape::row_pitch];
    alignas(16) __shared__ T center_tiles[2][Shape::depth * Shape::center_pitch];
    __shared__ Nearest<T> found[Shape::rows];

    const int thread = threadIdx.x;
    const int across = thread % Shape::lanes, down = thread / Shape::lanes;
    const int loaded = thread / Shape::depth, feature = thread % Shape::depth;
    constexpr int step = Shape::threads / Shape::depth;
    const long long first = static_cast<long long>(blockIdx.x) * Shape::rows;
    const long long tiles = (features + Shape::depth - 1) / Shape::depth;
    T row_values[Shape::row_loads], center_values[Shape::center_loads];

    Nearest<T> nearest[own_rows];
#pragma unroll
    for (int i = 0; i < own_rows; ++i)
        nearest[i] = {huge<T>, huge<T>, 0};

    for (long long start = 0; start < count; start += width) {
        T product[own_rows][own_centers] = {};
        const auto fetch_tile = [&](long long tile) {
            const long long f = tile * Shape::depth + feature;
            fetch<Shape::row_loads, step>(
                row_values, X + (first + loaded) * features + f, n - first - loaded, features, f);
            fetch<Shape::center_loads, step>(
                center_values, centers + (start + loaded) * features + f, count - start - loaded,
                features, f);
        };
        const auto store_tile = [&](int half) {
            store<Shape::row_loads, step>(
                row_tiles[half] + feature * Shape::row_pitch + loaded, row_values);
            store<Shape::center_loads, step>(
                center_tiles[half] + feature * Shape::center_pitch + loaded, center_values);
        };

        fetch_tile(0);
        store_tile(0);
        __syncthreads();
        for (long long tile = 0; tile < tiles; ++tile) {
            const int half = tile % 2;
            if (tile + 1 < tiles) fetch_tile(tile + 1);
#pragma unroll 4
            for (int f = 0; f < Shape::depth; ++f) {
                T x[own_rows], c[own_centers];
                read<pack, own_rows, Shape::height>(x, row_tiles[half] + f * Shape::row_pitch, down);
                read<pack, own_centers, Shape::lanes>(
                    c, center_tiles[half] + f * Shape::center_pitch, across);
#pragma unroll
                for (int i = 0; i < own_rows; ++i)
#pragma unroll
                    for (int j = 0; j < own_centers; ++j) product[i][j] += x[i] * c[j];
            }
            if (tile + 1 < tiles) store_tile(1 - half);
            __syncthreads();
        }
#pragma unroll
        for (int j = 0; j < own_centers; ++j) {
            const long long center = start + Shape::place(across, j, Shape::lanes);
            if (center < count) {
                const T norm = center_norms[center];
#pragma unroll
                for (int i = 0; i < own_rows; ++i)
                    nearest[i].meet(norm - 2 * product[i][j], static_cast<int>(center));
            }
        }
    }

#pragma unroll
    for (int i = 0; i < own_rows; ++i) {
        nearest[i].combine(Shape::lanes);
        if (across == 0) found[Shape::place(down, i, Shape::height)] = nearest[i];
    }
    __syncthreads();
    const Rounding rounding = {doubt, margin};
    for (int i = thread / warp_lanes; i < Shape::rows; i += Shape::threads / warp_lanes) {
        const long long row = first + i;
        if (row >= n) break;
        int label = found[i].label;
        if (is_open(found[i], norms[row], *largest, rounding))
            label = settle(
                X + row * features, norms[row], centers, *largest, found[i], rounding, count,
                features);
        if (thread % warp_lanes == 0) labels[row] = label;
    }
}

// The same from the products x.c of a block of rows: a warp for each row.
template <typename T>
__global__ void nearest_of_products(
    const T* products, const T* X, const T* norms, const T* centers, const T* center_norms,
    const T* largest, double doubt, double margin, int* labels, long long n, long long count,
    long long features)
{
    const Row row(n, count);
    Nearest<T> found = {huge<T>, huge<T>, 0};
    for (long long j = threadIdx.x; j < row.columns; j += warp_lanes)
        found.meet(center_norms[j] - 2 * products[row.start + j], static_cast<int>(j));
    found.combine(warp_lanes);
    if (!row.exists) return;
    const Rounding rounding = {doubt, margin};
    const T norm = norms[row.number];
    int label = found.label;
    if (is_open(found, norm, *largest, rounding))
        label = settle(
            X + row.number * features, norm, centers, *largest, found, rounding, count, features);
    if (threadIdx.x == 0) labels[row.number] = label;
}

// Sums over pieces of `length` neighbours in the order of the clusters, a thread for each piece and
// column; the column past the last one is all ones, and sums to the weight. Where a cluster ends
// within a piece, what has been summed is put down.
//
// Going through the order, the number of the piece and that of the cluster only ever grow, so piece +
// cluster is another place each time, and the parts of one cluster lie next to each other.
template <typename T>
__global__ void sum_pieces(
    const T* X, const T* weights, const int* labels, const long long* order, double* parts,
    long long n, long long features, long long count, long long length)
{
    const long long column = static_cast<long long>(blockIdx.y) * blockDim.x + threadIdx.x;
    const long long piece = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    const long long begin = piece * length;
    if (column > features || begin >= n) return;
    const long long end = begin + length < n ? begin + length : n;

    int cluster = labels[order[begin]];
    double sum = 0;
    // A label that names no cluster is left out.
    const auto put_down = [&] {
        if (cluster >= 0 && cluster < count) parts[(piece + cluster) * (features + 1) + column] = sum;
    };
    for (long long i = begin; i < end; ++i) {
        const long long row = order[i];
        if (labels[row] != cluster) {
            put_down();
            cluster = labels[row];
            sum = 0;
        }
        const T x = column < features ? X[row * features + column] : T(1);
        sum += static_cast<double>(weights[row]) * static_cast<double>(x);
    }
    put_down();
}

// The parts of each cluster together: a block for each cluster and blockDim.x columns. `begins` says
// where in the order a cluster begins, and ends with where the last one ends.
__global__ void sum_parts(
    const double* parts, const long long* begins, double* total, double* weight,
    long long features, long long length)
{
    __shared__ double sums[1024];
    const long long cluster = blockIdx.x;
    const long long column = static_cast<long long>(blockIdx.y) * blockDim.x + threadIdx.x;
    const long long begin = begins[cluster], end = begins[cluster + 1];

    double sum = 0;
    if (begin < end && column <= features)
        for (long long piece = begin / length + threadIdx.y; piece <= (end - 1) / length;
             piece += blockDim.y)
            sum += parts[(piece + cluster) * (features + 1) + column];
    sums[threadIdx.y * blockDim.x + threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || column > features) return;
    for (unsigned strip = 1; strip < blockDim.y; ++strip)
        sum += sums[strip * blockDim.x + threadIdx.x];
    (column < features ? total[cluster * features + column] : weight[cluster]) = sum;
}
