// Cross-entropy and its gradient by the scores, reading each row of scores from memory once. The
// gradient may lie where the scores are: a thread overwrites only what it alone reads.

#include "lanes.cuh"

template <typename T, typename Label>
__global__ void softmax_cross_entropy(
    const T* scores, const Label* labels, const T* weights, double* losses, T* delta,
    long long rows, long long classes)
{
    const Row row(rows, classes);
    const T* s = scores + row.start;
    T* d = delta + row.start;
    const long long label = labels[row.number];
    const T weight = weights[row.number];

    T highest = s[0];
    for (long long k = threadIdx.x; k < row.columns; k += blockDim.x)
        highest = s[k] > highest ? s[k] : highest;
    highest = largest_over_lanes(highest);

    // The label is compared and never used as an index, so a wrong one cannot read out of bounds.
    // The product with zero keeps a row with an infinite score "not a number", as it must be.
    T partition = 0;
    T target = 0;
    for (long long k = threadIdx.x; k < row.columns; k += blockDim.x) {
        const T shifted = s[k] - highest;
        d[k] = exp(shifted);
        partition += d[k];
        target += static_cast<T>(k == label) * shifted;
    }
    partition = sum_over_lanes(partition);
    target = sum_over_lanes(target);

    for (long long k = threadIdx.x; k < row.columns; k += blockDim.x)
        d[k] = weight * (d[k] / partition - static_cast<T>(k == label));
    if (row.exists && threadIdx.x == 0) {
        const double loss = log(static_cast<double>(partition)) - static_cast<double>(target);
        losses[row.number] = static_cast<double>(weight) * loss;
    }
}

template <typename T, typename Label>
__global__ void logistic_cross_entropy(
    const T* scores, const Label* labels, const T* weights, double* losses, T* delta,
    long long rows, long long classes)
{
    const Row row(rows, classes);
    const T weight = weights[row.number];

    double loss = 0;
    for (long long k = threadIdx.x; k < row.columns; k += blockDim.x) {
        const T s = scores[row.start + k];
        const T target = static_cast<T>(labels[row.start + k]);
        const T e = exp(-fabs(s));
        // Exactly zero where the answer is right, so that the logarithm keeps its digits.
        const T margin = (s > 0 ? s : T(0)) - target * s;
        loss += static_cast<double>(margin + log1p(e));
        const T probability = (s >= 0 ? T(1) : e) / (1 + e);
        delta[row.start + k] = weight * (probability - target);
    }
    loss = sum_over_lanes(loss);
    if (row.exists && threadIdx.x == 0)
        losses[row.number] = static_cast<double>(weight) * loss;
}
