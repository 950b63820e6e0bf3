// One training step of a small perceptron, over buffers that stay where they are, so that a CUDA graph
// of it can be launched again and again. CuPy captures no cuBLAS, so the products are made here; each
// layer is one: its bias is the weight of one more input, which is always 1.

#include "activations.cuh"
#include "lanes.cuh"

// A tile of a product: 32 x 32 sums by 256 threads. Four groups of threads take a quarter of the depth
// each, because a batch has few tiles and each of them is deep.
template <typename T>
struct Tile {
    static constexpr int width = 32;
    static constexpr int threads = 256;
    static constexpr int groups = 4;
    static constexpr int own = 4;  // rows and columns of a thread
    static constexpr int depth = 256 / static_cast<int>(sizeof(T));
    static constexpr int widest = 16 / static_cast<int>(sizeof(T));
    static constexpr int pitch = width + widest;
    static constexpr int loads = width * depth / threads;
    static constexpr int sums_pitch = width + 1;
    static constexpr int factors_size = 2 * depth * pitch;
    static constexpr int sums_size = groups * width * sums_pitch;
    static constexpr int size = factors_size > sums_size ? factors_size : sums_size;
};

template <typename T>
struct alignas(16) Pack {
    T value[16 / sizeof(T)];
};

template <typename T>
__device__ void read_four(T (&own)[4], const T* from)
{
    constexpr int pack = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < 4; i += pack) {
        const auto part = *reinterpret_cast<const Pack<T>*>(from + i);
#pragma unroll
        for (int j = 0; j < pack; ++j) own[i + j] = part.value[j];
    }
}

// Which entry of a tile of a factor a thread loads as its i-th: neighbours along the depth where that
// is how the factor lies in memory, else across it.
template <typename T, bool along_depth>
struct Place {
    int across, deep;
    __device__ explicit Place(int i)
    {
        const int entry = threadIdx.x + i * Tile<T>::threads;
        across = along_depth ? entry / Tile<T>::depth : entry % Tile<T>::width;
        deep = along_depth ? entry % Tile<T>::depth : entry / Tile<T>::width;
    }
};

template <typename T, typename Factor>
__device__ void fetch(
    T (&held)[Tile<T>::loads], const Factor& factor, long long first, long long many,
    long long start, long long depth)
{
#pragma unroll
    for (int i = 0; i < Tile<T>::loads; ++i) {
        const Place<T, Factor::along_depth> place(i);
        const long long across = first + place.across, deep = start + place.deep;
        held[i] = across < many && deep < depth ? factor(across, deep) : T(0);
    }
}

template <typename T, bool along_depth>
__device__ void store(T* tile, const T (&held)[Tile<T>::loads])
{
#pragma unroll
    for (int i = 0; i < Tile<T>::loads; ++i) {
        const Place<T, along_depth> place(i);
        tile[place.deep * Tile<T>::pitch + place.across] = held[i];
    }
}

// The sums over the depth of left(row, deep) right(column, deep), for the tile of this block; `write`
// gets each of them, neighbouring columns from neighbouring threads.
template <typename T, typename Left, typename Right, typename Write>
__device__ void multiply(
    const Left& left, const Right& right, const Write& write, long long rows, long long columns,
    long long depth)
{
    using Shape = Tile<T>;
    alignas(16) __shared__ T memory[Shape::size];
    T* const left_tile = memory;
    T* const right_tile = memory + Shape::depth * Shape::pitch;
    const long long first_row = static_cast<long long>(blockIdx.y) * Shape::width;
    const long long first_column = static_cast<long long>(blockIdx.x) * Shape::width;
    const int group = threadIdx.x / 64;
    const int row = threadIdx.x % 64 / 8 * Shape::own, column = threadIdx.x % 8 * Shape::own;

    T sums[Shape::own][Shape::own] = {};
    T lefts[Shape::loads], rights[Shape::loads];
    fetch(lefts, left, first_row, rows, 0, depth);
    fetch(rights, right, first_column, columns, 0, depth);
    for (long long start = 0; start < depth; start += Shape::depth) {
        store<T, Left::along_depth>(left_tile, lefts);
        store<T, Right::along_depth>(right_tile, rights);
        __syncthreads();
        // The next tile is on its way while this one is multiplied.
        if (start + Shape::depth < depth) {
            fetch(lefts, left, first_row, rows, start + Shape::depth, depth);
            fetch(rights, right, first_column, columns, start + Shape::depth, depth);
        }
        constexpr int part = Shape::depth / Shape::groups;
#pragma unroll 4
        for (int deep = group * part; deep < (group + 1) * part; ++deep) {
            T a[Shape::own], b[Shape::own];
            read_four(a, left_tile + deep * Shape::pitch + row);
            read_four(b, right_tile + deep * Shape::pitch + column);
#pragma unroll
            for (int i = 0; i < Shape::own; ++i)
#pragma unroll
                for (int j = 0; j < Shape::own; ++j) sums[i][j] += a[i] * b[j];
        }
        __syncthreads();
    }

    constexpr int pitch = Shape::sums_pitch;
#pragma unroll
    for (int i = 0; i < Shape::own; ++i)
#pragma unroll
        for (int j = 0; j < Shape::own; ++j)
            memory[(group * Shape::width + row + i) * pitch + column + j] = sums[i][j];
    __syncthreads();
    for (int entry = threadIdx.x; entry < Shape::width * Shape::width; entry += Shape::threads) {
        const int i = entry / Shape::width, j = entry % Shape::width;
        T sum = 0;
        for (int g = 0; g < Shape::groups; ++g) sum += memory[(g * Shape::width + i) * pitch + j];
        if (first_row + i < rows && first_column + j < columns)
            write(first_row + i, first_column + j, sum);
    }
}

// What goes into a layer, and a 1 for the bias. The rows of the first layer are picked from all of X.
template <typename T>
struct Inputs {
    const T* a;
    const int* picked;
    long long columns;
    bool picks;

    __device__ T at(long long row, long long column) const
    {
        const long long from = picks ? picked[row] : row;
        return column < columns ? a[from * columns + column] : T(1);
    }
};

template <typename T>
struct InputsByRow : Inputs<T> {
    static constexpr bool along_depth = true;
    __device__ T operator()(long long row, long long deep) const { return this->at(row, deep); }
};

template <typename T>
struct InputsByColumn : Inputs<T> {
    static constexpr bool along_depth = false;
    __device__ T operator()(long long column, long long deep) const { return this->at(deep, column); }
};

// A matrix, or its transpose, as a factor.
template <typename T, bool along>
struct Matrix {
    static constexpr bool along_depth = along;
    const T* x;
    long long pitch;
    __device__ T operator()(long long across, long long deep) const
    {
        return along ? x[across * pitch + deep] : x[deep * pitch + across];
    }
};

// f(a W + b); `layer` is W with b as its last row.
template <typename Activation, typename T>
__global__ void __launch_bounds__(Tile<T>::threads, 1) forward(
    const T* a, const int* picked, const T* layer, T* out, long long rows, long long inputs,
    long long outputs, int picks)
{
    const InputsByRow<T> left = {{a, picked, inputs, picks != 0}};
    const Matrix<T, false> right = {layer, outputs};
    const auto write = [=](long long row, long long column, T sum) {
        out[row * outputs + column] = Activation::apply(sum);
    };
    multiply<T>(left, right, write, rows, outputs, inputs + 1);
}

// a <- (delta W^T) f'(a): what went into the layer makes room for the gradient by it.
template <typename Activation, typename T>
__global__ void __launch_bounds__(Tile<T>::threads, 1) backward(
    const T* delta, const T* layer, T* a, long long rows, long long inputs, long long outputs)
{
    const Matrix<T, true> left = {delta, outputs};
    const Matrix<T, true> right = {layer, outputs};
    const auto write = [=](long long row, long long column, T sum) {
        T& place = a[row * inputs + column];
        place = Activation::backward(place, sum);
    };
    multiply<T>(left, right, write, rows, inputs, outputs);
}

// scale (a^T delta + alpha W), and the same of the bias without alpha; also the sum of W^2 of this
// tile. `scale` is one over the weight of the batch.
template <typename T>
__global__ void __launch_bounds__(Tile<T>::threads, 1) gradient(
    const T* a, const int* picked, const T* delta, const T* layer, const double* alpha,
    const T* scale, T* out, double* squares, long long rows, long long inputs, long long outputs,
    int picks)
{
    const InputsByColumn<T> left = {{a, picked, inputs, picks != 0}};
    const Matrix<T, false> right = {delta, outputs};
    const T decay = static_cast<T>(*alpha), share = *scale;
    double square = 0;
    const auto write = [&](long long row, long long column, T sum) {
        const long long i = row * outputs + column;
        const T w = row < inputs ? layer[i] : T(0);
        out[i] = share * (sum + decay * w);
        square += static_cast<double>(w * w);
    };
    multiply<T>(left, right, write, inputs + 1, outputs, rows);

    __shared__ double of_warp[Tile<T>::threads / 32];
    square = sum_over(32, square);
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = square;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (int warp = 1; warp < Tile<T>::threads / 32; ++warp) square += of_warp[warp];
    squares[blockIdx.y * gridDim.x + blockIdx.x] = square;
}

// w |s - t|^2 / 2 of each row, and w (s - t) in the place of s.
template <typename T>
__global__ void squared_error(
    T* scores, const T* targets, const T* weights, double* losses, long long rows,
    long long answers)
{
    const Row row(rows, answers);
    const T weight = weights[row.number];
    T loss = 0;
    for (long long k = threadIdx.x; k < row.columns; k += blockDim.x) {
        const T residual = scores[row.start + k] - targets[row.start + k];
        scores[row.start + k] = weight * residual;
        loss += residual * residual;
    }
    loss = sum_over_lanes(loss);
    if (row.exists && threadIdx.x == 0)
        losses[row.number] = static_cast<double>(weight * loss) / 2;
}

// Between two steps: add up the loss of the last batch, and lay out the next one. One block, so that
// all of it sees the same number of the step; after the last step there is no batch to lay out.
template <typename T, typename Label>
__global__ void next_batch(
    const int* index, const Label* labels, const T* weights, const double* batch_weights,
    const double* losses, const double* squares, const double* alpha, int* picked,
    Label* batch_labels, T* row_weights, T* scale, long long* step, double* total, double* steps,
    const double* steps_done, long long batches, long long rows, long long answers,
    long long parts)
{
    __shared__ double sums[32];
    const long long now = *step;
    if (now > 0) {
        double loss = 0;
        for (long long i = threadIdx.x; i < rows; i += blockDim.x) loss += losses[i];
        for (long long i = threadIdx.x; i < parts; i += blockDim.x) loss += *alpha / 2 * squares[i];
        loss = sum_over(32, loss);
        if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = loss;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        // A batch without weight has no loss.
        if (now > 0 && batch_weights[now - 1] > 0)
            for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) *total += sums[warp];
        *step = now + 1;
        *steps = *steps_done;
    }
    if (now >= batches) return;
    for (long long i = threadIdx.x; i < rows; i += blockDim.x) {
        picked[i] = index[now * rows + i];
        row_weights[i] = weights[now * rows + i];
    }
    for (long long i = threadIdx.x; i < rows * answers; i += blockDim.x)
        batch_labels[i] = labels[now * rows * answers + i];
    const double weight = batch_weights[now];
    if (threadIdx.x == 0) *scale = static_cast<T>(1 / (weight > 0 ? weight : 1));
}
