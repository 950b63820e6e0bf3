// Enough of CUDA to run kernels on the CPU as they stand, and to catch what a GPU would not report.
//
// Every thread of a block is a fiber, and all run on one thread of the machine, in a fixed order
// that can be turned round: a missing __syncthreads() shows in one of the two orders. Blocks run
// one after another. A kernel and the types of its arguments are found by its name expression.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)

using std::exp;
using std::fabs;
using std::log;
using std::log1p;
using std::pow;
using std::sqrt;
using std::tanh;

struct Dim {
    unsigned x, y, z;
    unsigned volume() const { return x * y * z; }
};

static Dim gridDim, blockDim, blockIdx, threadIdx;

namespace emulation {

constexpr unsigned warp_size = 32;
constexpr std::size_t stack_bytes = 64 * 1024;

enum class State { runnable, in_shuffle, at_barrier, finished };

struct Fiber {
    ucontext_t context;
    Dim index;
    State state;
    unsigned shuffles;
    // What the lane offers, by the parity of its shuffles: the next must not overwrite what a slower
    // lane has yet to read.
    double offered[2];
    int partner_offset;
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
};

static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static Fiber* current;
static std::function<void()> body;

static void wait_for(State state)
{
    current->state = state;
    swapcontext(&current->context, &scheduler);
}

// An exception must not leave the stack of its fiber; the scheduler throws it again.
static std::exception_ptr thrown;

static void enter()
{
    try {
        body();
    }
    catch (...) {
        thrown = std::current_exception();
    }
    wait_for(State::finished);
}

static void start(Fiber& fiber, Dim index)
{
    fiber.index = index;
    fiber.state = State::runnable;
    fiber.shuffles = 0;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
}

static void resume(Fiber& fiber)
{
    current = &fiber;
    threadIdx = fiber.index;
    swapcontext(&scheduler, &fiber.context);
    if (thrown) std::rethrow_exception(std::exchange(thrown, nullptr));
}

// Lets a warp go on once all of its lanes stand in the same shuffle.
static bool release_warps(unsigned threads)
{
    bool released = false;
    for (unsigned first = 0; first < threads; first += warp_size) {
        unsigned waiting = 0;
        for (unsigned i = first; i < first + warp_size && i < threads; ++i)
            waiting += fibers[i].state == State::in_shuffle;
        if (waiting == 0) continue;
        if (waiting != warp_size)
            throw std::runtime_error("a shuffle names lanes that are not there");
        for (unsigned i = first; i < first + warp_size; ++i) {
            if (fibers[i].partner_offset != fibers[first].partner_offset)
                throw std::runtime_error("the lanes of a warp are in different shuffles");
            fibers[i].state = State::runnable;
        }
        released = true;
    }
    return released;
}

static bool release_block(unsigned threads)
{
    unsigned waiting = 0;
    for (unsigned i = 0; i < threads; ++i) waiting += fibers[i].state == State::at_barrier;
    if (waiting != 0 && waiting != threads)
        throw std::runtime_error("some threads of a block never come to __syncthreads()");
    for (unsigned i = 0; i < threads; ++i)
        if (waiting != 0) fibers[i].state = State::runnable;
    return waiting != 0;
}

static void run_block(bool backwards)
{
    const unsigned threads = blockDim.volume();
    if (threads == 0 || threads > 1024) throw std::runtime_error("no GPU has blocks of that size");
    if (fibers.size() < threads) fibers = std::vector<Fiber>(threads);
    for (unsigned i = 0; i < threads; ++i) {
        const unsigned row = i / blockDim.x;
        start(fibers[i], {i % blockDim.x, row % blockDim.y, row / blockDim.y});
    }
    do {
        for (unsigned i = 0; i < threads; ++i) {
            Fiber& fiber = fibers[backwards ? threads - 1 - i : i];
            if (fiber.state == State::runnable) resume(fiber);
        }
    } while (release_warps(threads) || release_block(threads));
}

static void run_grid(Dim grid, Dim block, bool backwards)
{
    gridDim = grid;
    blockDim = block;
    const unsigned blocks = grid.volume();
    if (blocks == 0) throw std::runtime_error("an empty grid is an error in CUDA");
    if (grid.y > 65535 || grid.z > 65535) throw std::runtime_error("no GPU has grids of that size");
    for (unsigned count = 0; count < blocks; ++count) {
        const unsigned i = backwards ? blocks - 1 - count : count;
        const unsigned row = i / grid.x;
        blockIdx = {i % grid.x, row % grid.y, row / grid.y};
        run_block(backwards);
    }
}

template <typename P>
std::string type_name()
{
    if constexpr (std::is_pointer_v<P>) {
        using Target = std::remove_pointer_t<P>;
        const std::string target = type_name<std::remove_const_t<Target>>() + "*";
        return std::is_const_v<Target> ? "const " + target : target;
    }
    else if constexpr (std::is_same_v<P, float>) return "float";
    else if constexpr (std::is_same_v<P, double>) return "double";
    else if constexpr (std::is_same_v<P, int>) return "int";
    else if constexpr (std::is_same_v<P, long long>) return "long long";
    else return std::to_string(sizeof(P)) + " bytes";
}

struct Kernel {
    std::string types;
    std::function<std::function<void()>(void**)> bind;
};

static std::map<std::string, Kernel> kernels;

template <typename... P, std::size_t... I>
std::function<void()> unpack(void (*kernel)(P...), void** arguments, std::index_sequence<I...>)
{
    return [=] { kernel(*static_cast<std::remove_const_t<P>*>(arguments[I])...); };
}

template <typename... P>
bool add(const char* name, void (*kernel)(P...))
{
    std::string types;
    ((types += (types.empty() ? "" : ", ") + type_name<std::remove_const_t<P>>()), ...);
    kernels[name] = {types, [kernel](void** arguments) {
                         return unpack(kernel, arguments, std::index_sequence_for<P...>());
                     }};
    return true;
}

}  // namespace emulation

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int offset)
{
    using namespace emulation;
    if (mask != 0xffffffff) throw std::runtime_error("only shuffles of a whole warp are emulated");
    Fiber* const self = current;
    const unsigned parity = self->shuffles++ % 2;
    std::memcpy(&self->offered[parity], &value, sizeof(T));
    self->partner_offset = offset;
    wait_for(State::in_shuffle);
    const long position = self - fibers.data();
    const long lane = position % warp_size;
    std::memcpy(&value, &fibers[position - lane + (lane ^ offset)].offered[parity], sizeof(T));
    return value;
}

inline void __syncthreads() { emulation::wait_for(emulation::State::at_barrier); }

extern "C" const char* types_of(const char* name)
{
    const auto found = emulation::kernels.find(name);
    return found == emulation::kernels.end() ? nullptr : found->second.types.c_str();
}

// Returns what went wrong, or nothing.
extern "C" const char* launch(
    const char* name, const unsigned* grid, const unsigned* block, void** arguments, int backwards)
{
    static std::string problem;
    try {
        emulation::body = emulation::kernels.at(name).bind(arguments);
        emulation::run_grid(
            {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, backwards != 0);
        return nullptr;
    }
    catch (const std::exception& error) {
        problem = error.what();
        return problem.c_str();
    }
}
