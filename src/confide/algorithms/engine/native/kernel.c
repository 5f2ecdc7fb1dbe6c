/* Entry points, threads, and the order of the steps. The arithmetic is in group.h, rowwise.h and update.h. */
#include "kernel.h"
#include "scratch.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define SPINS 8192
#define MAX_THREADS 64

double confide_row_loss(int loss, float output, float label, float *slope)
{
    if (loss == LOSS_SQUARED) {
        double difference = (double)(output - label);
        *slope = 2 * (output - label);
        return difference * difference;
    }
    float small = expf(-fabsf(output));
    *slope = (output >= 0 ? 1 : small) / (1 + small) - label;
    return (double)fmaxf(output, 0) + (double)log1pf(small) - (double)label * (double)output + 0 * (double)output;
}

#if defined(__x86_64__)
/* Linux gives a process the state of the tiles when it asks for it. */
static int may_use_tiles(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (~d & (AMX_BF16 | AMX_TILE)))
        return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

static const struct path *path_of(int number)
{
    if (number == PATH_PORTABLE)
        return &confide_path_portable;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (number == PATH_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &confide_path_avx2;
    if (number == PATH_AVX512 && avx512)
        return &confide_path_avx512;
    if (number == PATH_AVX512_BF16 && avx512 && __builtin_cpu_supports("avx512bf16"))
        return &confide_path_avx512_bf16;
    if (number == PATH_AMX && avx512 && may_use_tiles())
        return &confide_path_amx;
#endif
    return NULL;
}

/* Whether this processor can run a path. */
int confide_has_path(int number) { return path_of(number) != NULL; }

/* Whether bfloat16 pays: its dot products run at the rate of float multiply-adds on AMD's processors, and at half of
 * it on the Intel one that was measured. A rule and no measurement: all processes of a machine have to agree. */
int confide_prefers_bfloat16(void)
{
#if defined(__x86_64__)
    return path_of(PATH_AVX512_BF16) != NULL && __builtin_cpu_is("amd");
#else
    return 0;
#endif
}

struct barrier {
    atomic_int arrived;
    atomic_int phase;
    int threads;
};

/* Wait until `word` is no longer `value`: spinning first, as the wait is mostly short; then asleep, so that on a
 * busy machine the thread that is waited for gets the processor. */
static void await_change(atomic_int *word, int value)
{
    for (int spins = 0; atomic_load(word) == value; spins++) {
        if (spins < SPINS) {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
            continue;
        }
#if defined(__linux__)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
        sched_yield();
        spins--;
#endif
    }
}

static void change(atomic_int *word, int value)
{
    atomic_store(word, value);
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#endif
}

static void meet(struct barrier *barrier)
{
    if (barrier->threads == 1)
        return;
    int phase = atomic_load(&barrier->phase);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->threads) {
        atomic_store(&barrier->arrived, 0);
        change(&barrier->phase, phase + 1);
        return;
    }
    await_change(&barrier->phase, phase);
}

enum task { TASK_SCORE, TASK_LEARN, TASK_GRADIENT };

struct call {
    struct plan plan;
    const struct path *path;
    enum task task;
    struct workspace workspaces[MAX_THREADS];
    struct batch_state batch; /* its buffers; start and rows are each thread's own */
    struct barrier barrier;
    atomic_int gate; /* 0: wait, 1: work, -1: go home */
    float *outputs;
    float *out_slopes, *out_embedded, *out_dense;
    void (*copy_out)(struct call *);
    double loss;
};

struct worker {
    struct call *call;
    pthread_t handle;
    int number;
};

/* The groups of a batch that are a thread's. */
static void groups_of(const struct call *call, int64_t rows, int thread, int64_t *first, int64_t *last)
{
    int64_t groups = (rows + call->plan.lanes - 1) / call->plan.lanes;
    *first = groups * thread / call->barrier.threads;
    *last = groups * (thread + 1) / call->barrier.threads;
}

/* Where a thread's group number `group` of the batch at `start` begins, running on into the next batch. */
static int64_t start_of(const struct call *call, int64_t start, int64_t group, int thread)
{
    const struct confide_rows *rows = call->plan.rows;
    while (start < rows->count) {
        int64_t first, last, left = rows->count - start;
        groups_of(call, left < rows->batch ? left : rows->batch, thread, &first, &last);
        if (group < last - first)
            return start + (first + group) * call->plan.lanes;
        group -= last - first;
        start += rows->batch;
    }
    return -1;
}

static void work_rows(struct call *call, struct workspace *w, const struct batch_state *batch, int thread)
{
    const struct plan *plan = &call->plan;
    int64_t first, last;
    groups_of(call, batch->rows, thread, &first, &last);
    for (int64_t number = 0; number < last - first; number++) {
        struct group group = {.start = start_of(call, batch->start, number, thread)};
        int64_t left = batch->start + batch->rows - group.start;
        group.rows = left < plan->lanes ? (int)left : plan->lanes;
        group.next = start_of(call, batch->start, number + 1, thread);
        group.after = start_of(call, batch->start, number + 2, thread);
        if (call->task == TASK_SCORE)
            call->path->score(plan, w, &group, call->outputs + group.start);
        else
            call->path->learn(plan, w, &group, batch);
    }
}

/* Sum the threads' gradients, in their order, into the first's; add what does not come from rows. */
static void sum_dense(struct call *call)
{
    const struct confide_model *m = call->plan.model;
    ptrdiff_t count = dense_count(m);
    float *gradient = call->workspaces[0].gradient;
    call->loss += call->workspaces[0].loss;
    for (int thread = 1; thread < call->barrier.threads; thread++) {
        const struct workspace *w = &call->workspaces[thread];
        call->loss += w->loss;
        for (ptrdiff_t i = 0; i < count; i++)
            gradient[i] += w->gradient[i];
    }
}

static void update_dense(struct call *call)
{
    const struct confide_model *m = call->plan.model;
    ptrdiff_t count = dense_count(m);
    float *restrict gradient = call->workspaces[0].gradient, *restrict dense = m->dense, *restrict squares = m->dense_squares;
    const float rate = m->rate;
    if (m->kind == KIND_AFM && m->attention_l2 != 0)
        for (ptrdiff_t i = dense_weight(); i < dense_bias(m); i++)
            gradient[i] += 2 * m->attention_l2 * dense[i];
    for (ptrdiff_t i = 0; i < count; i++) {
        squares[i] += gradient[i] * gradient[i];
        dense[i] -= rate * gradient[i] / sqrtf(squares[i]);
    }
}

static void work_batches(struct call *call, int thread)
{
    const struct confide_rows *rows = call->plan.rows;
    const struct path *path = call->path;
    struct workspace *w = &call->workspaces[thread];
    struct batch_state batch = call->batch;
    list_pairs(&call->plan, w->pairs);
    for (batch.start = 0; batch.start < rows->count; batch.start += rows->batch) {
        int64_t left = rows->count - batch.start;
        batch.rows = left < rows->batch ? left : rows->batch;
        if (batch.start == 0 || call->task != TASK_SCORE)
            path->prepare(&call->plan, w);
        w->loss = 0;
        work_rows(call, w, &batch, thread);
        if (call->task == TASK_SCORE)
            continue;
        path->fold(&call->plan, w);
        meet(&call->barrier);
        if (thread == 0)
            sum_dense(call);
        if (call->task == TASK_LEARN) {
            path->update(&call->plan, w, &batch, thread);
            if (thread == 0)
                update_dense(call);
        }
        meet(&call->barrier);
    }
}

/* Weights that decay to nothing become 0 instead of subnormal numbers, on which processors are many times slower. The
 * caller's thread gets its own rules back. */
static void work_flushing(struct call *call, int thread)
{
#if defined(__x86_64__)
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    const unsigned rules = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(rules | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    work_batches(call, thread);
    __builtin_ia32_ldmxcsr(rules);
#else
    work_batches(call, thread);
#endif
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    await_change(&worker->call->gate, 0);
    if (atomic_load(&worker->call->gate) > 0)
        work_flushing(worker->call, worker->number);
    return NULL;
}

/* All threads start, or none works. */
static int run_threads(struct call *call)
{
    struct worker workers[MAX_THREADS];
    int threads = call->barrier.threads, started = 1;
    for (; started < threads; started++) {
        workers[started] = (struct worker){.call = call, .number = started};
        if (pthread_create(&workers[started].handle, NULL, work, &workers[started]) != 0)
            break;
    }
    change(&call->gate, started == threads ? 1 : -1);
    if (started == threads)
        work_flushing(call, 0);
    for (int thread = 1; thread < started; thread++)
        pthread_join(workers[thread].handle, NULL);
    if (started == threads && call->copy_out)
        call->copy_out(call);
    return started == threads ? RESULT_DONE : RESULT_NO_THREAD;
}

static size_t batch_rows(const struct confide_rows *rows)
{
    return (size_t)(rows->batch < rows->count ? rows->batch : rows->count);
}

/* Lay out the scratch memory, or, where it is NULL, say how much is needed. */
static size_t lay_out(struct call *call, char *scratch)
{
    const struct plan *plan = &call->plan;
    const int learning = call->task != TASK_SCORE;
    const size_t batch = batch_rows(plan->rows);
    struct arena arena = {.base = scratch};
    for (int thread = 0; thread < plan->model->threads; thread++)
        call->workspaces[thread] = carve(plan, &arena, learning, (int64_t)batch);
    if (learning) {
        call->batch.slopes = take(&arena, batch);
        call->batch.features = take(&arena, batch * (size_t)plan->model->fields);
        call->batch.values = take(&arena, batch * (size_t)plan->model->fields);
        call->batch.embedded_slopes = take(&arena, batch * (size_t)plan->model->fields * (size_t)plan->padded_size);
    }
    return arena.used;
}

static int plan_call(struct call *call, const struct confide_model *model, const struct confide_rows *rows, enum task task)
{
    call->path = path_of(model->path);
    if (!call->path)
        return RESULT_NO_PATH;
    if (model->threads < 1 || model->threads > MAX_THREADS)
        return RESULT_NO_THREAD;
    call->plan = plan_of(model, rows, call->path);
    call->task = task;
    call->barrier.threads = model->threads;
    return RESULT_DONE;
}

static int run(struct call *call, const struct confide_model *model, const struct confide_rows *rows, enum task task)
{
    int result = plan_call(call, model, rows, task);
    if (result != RESULT_DONE)
        return result;
    memset(rows->scratch, 0, lay_out(call, NULL));
    lay_out(call, rows->scratch);
    return run_threads(call);
}

/* Bytes of scratch memory, aligned to 64, that a call needs; 0 where it can't run. */
int64_t confide_scratch(const struct confide_model *model, const struct confide_rows *rows, int learning)
{
    struct call call = {0};
    if (plan_call(&call, model, rows, learning ? TASK_LEARN : TASK_SCORE) != RESULT_DONE)
        return 0;
    return (int64_t)lay_out(&call, NULL);
}

/* Raw outputs (rows.count), without dropout. */
int confide_score(const struct confide_model *model, const struct confide_rows *rows, float *outputs)
{
    struct call call = {.outputs = outputs};
    return run(&call, model, rows, TASK_SCORE);
}

/* One Adagrad step per batch of the order. `loss`: summed over the rows, each as it was before its step. */
int confide_learn(const struct confide_model *model, const struct confide_rows *rows, double *loss)
{
    struct call call = {0};
    int result = run(&call, model, rows, TASK_LEARN);
    *loss = call.loss;
    return result;
}

static void copy_gradient(struct call *call)
{
    const struct plan *plan = &call->plan;
    size_t size = (size_t)plan->model->size, padded = (size_t)plan->padded_size;
    size_t count = (size_t)plan->rows->count, places = count * (size_t)plan->model->fields;
    for (size_t place = 0; place < places; place++)
        memcpy(call->out_embedded + place * size, call->batch.embedded_slopes + place * padded, size * 4);
    memcpy(call->out_slopes, call->batch.slopes, count * 4);
    memcpy(call->out_dense, call->workspaces[0].gradient, (size_t)dense_count(plan->model) * 4);
}

/* The gradient of one batch (all rows of the order) and no step: with respect to each output (count), to each
 * embedded row, that is embedding times value (count, F, K), and to the dense numbers. Nothing is learned. */
int confide_gradient(const struct confide_model *model, const struct confide_rows *rows, float *slopes,
                     float *embedded, float *dense, double *loss)
{
    struct call call = {
        .out_slopes = slopes, .out_embedded = embedded, .out_dense = dense, .copy_out = copy_gradient};
    int result = run(&call, model, rows, TASK_GRADIENT);
    *loss = call.loss;
    return result;
}
