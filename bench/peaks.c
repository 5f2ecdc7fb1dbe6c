/* What a processor can do at most, measured: peaks THREADS prints one JSON object, rates per second of all threads.
 *
 * Each measurement repeats a block of independent instructions and keeps the fastest repetition of the slowest
 * thread; the memory is read once, from end to end, by all threads together.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REPEAT 60
#define ROUNDS 20000
#define READ_BYTES ((size_t)256 << 20)
#define MAX_THREADS 64

static atomic_int waiting;
static int threads;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#define EIGHT(one) one("1") one("2") one("3") one("4") one("5") one("6") one("7") one("8")
#define TEN(one) EIGHT(one) one("9") one("10")
#define LOOP(target_name, name, block)                                            \
    __attribute__((target(target_name))) static void name(const char *at)         \
    {                                                                             \
        (void)at;                                                                 \
        for (int round = 0; round < ROUNDS; round++)                              \
            __asm__ volatile(block ::: "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",    \
                             "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "memory");  \
    }
#define FMA256(to) "vfmadd231ps %%ymm0, %%ymm0, %%ymm" to "\n"
#define FMA512(to) "vfmadd231ps %%zmm0, %%zmm0, %%zmm" to "\n"
#define DOT512(to) "vdpbf16ps %%zmm0, %%zmm0, %%zmm" to "\n"
LOOP("avx2,fma", fma_256, TEN(FMA256))
LOOP("avx512f", fma_512, TEN(FMA512))
LOOP("avx512f,avx512bf16", dot_512, TEN(DOT512))

__attribute__((target("amx-tile,amx-bf16"))) static void tiles(const char *at)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    (void)at;
    for (int tile = 0; tile < 8; tile++) {
        config.bytes[tile] = 64;
        config.rows[tile] = 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
    for (int round = 0; round < ROUNDS; round++)
        __asm__ volatile("tdpbf16ps %tmm7, %tmm6, %tmm0\n tdpbf16ps %tmm7, %tmm6, %tmm1\n"
                         "tdpbf16ps %tmm7, %tmm6, %tmm2\n tdpbf16ps %tmm7, %tmm6, %tmm3\n");
    __asm__ volatile("tilerelease");
}

static void read_all(const char *at)
{
    uint64_t sum[8] = {0};
    for (size_t byte = 0; byte < READ_BYTES; byte += 64)
        for (int word = 0; word < 8; word++)
            sum[word] += ((const uint64_t *)(at + byte))[word];
    for (int word = 0; word < 8; word++)
        __asm__ volatile("" ::"r"(sum[word]));
}

struct job {
    void (*work)(const char *);
    int repeat;
    double best;
    char *memory;
};

/* All threads begin a repetition together. */
static void *run(void *argument)
{
    struct job *job = argument;
    for (int turn = 0; turn < job->repeat; turn++) {
        atomic_fetch_add(&waiting, 1);
        while (atomic_load(&waiting) < (turn + 1) * threads)
            ;
        double start = now();
        job->work(job->memory);
        double taken = now() - start;
        if (turn == 0 || taken < job->best)
            job->best = taken;
    }
    return NULL;
}

static void measure(const char *name, void (*work)(const char *), double amount, int repeat, char *memory)
{
    pthread_t handles[MAX_THREADS];
    struct job jobs[MAX_THREADS];
    double slowest = 0;
    atomic_store(&waiting, 0);
    for (int thread = 0; thread < threads; thread++) {
        jobs[thread] = (struct job){work, repeat, 0, memory ? memory + (size_t)thread * READ_BYTES : NULL};
        if (pthread_create(&handles[thread], NULL, run, &jobs[thread]) != 0)
            exit(1);
    }
    for (int thread = 0; thread < threads; thread++) {
        pthread_join(handles[thread], NULL);
        slowest = jobs[thread].best > slowest ? jobs[thread].best : slowest;
    }
    printf(", \"%s\": %.6g", name, amount * threads / slowest);
}

static int has_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    uint32_t a = 7, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (d >> 22 & 1) && (d >> 24 & 1) && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

int main(int count, char **arguments)
{
    threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > MAX_THREADS)
        return 1;
    char *memory = aligned_alloc(1 << 21, READ_BYTES * (size_t)threads);
    if (!memory)
        return 1;
    memset(memory, 1, READ_BYTES * (size_t)threads);
    printf("{\"threads\": %d", threads);
    if (__builtin_cpu_supports("fma"))
        measure("fma_256", fma_256, ROUNDS * 10.0 * 8, REPEAT, NULL);
    if (__builtin_cpu_supports("avx512f"))
        measure("fma_512", fma_512, ROUNDS * 10.0 * 16, REPEAT, NULL);
    if (__builtin_cpu_supports("avx512bf16"))
        measure("dot_bf16", dot_512, ROUNDS * 10.0 * 32, REPEAT, NULL);
    if (has_tiles())
        measure("tiles_bf16", tiles, ROUNDS * 4.0 * 16 * 16 * 32, REPEAT, NULL);
    measure("read", read_all, (double)READ_BYTES, 10, memory);
    printf("}\n");
    return 0;
}
