/* SPDX-License-Identifier: Apache-2.0 */
/* threads_shim: C11 threads made of POSIX threads, for builds with the thread sanitizer only.
 *
 * librdkafka is built on thrd_*, mtx_* and cnd_*.  The sanitizer intercepts the pthread functions alone: a thread
 * started inside libc by thrd_create has no sanitizer state and crashes at the first instrumented call.  These
 * definitions come before libc's in the search order, so that the sanitizer sees each thread and each lock.
 *
 * It sees no more than those of librdkafka (tests/tsan/suppressions): the library counts references with atomics that
 * were not compiled for the sanitizer, and each last reference would look like a race.  So the memory of a lock must
 * not be looked at here either, while taking and giving it counts: unseen_begin and unseen_end.
 *
 * A C11 object is used as storage for its POSIX twin; glibc defines them alike, and the asserts below say so. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mutex");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "condition");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thread");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once");

static int verdict(int error)
{
        switch (error) {
        case 0:
                return thrd_success;
        case EBUSY:
                return thrd_busy;
        case ETIMEDOUT:
                return thrd_timedout;
        case ENOMEM:
        case EAGAIN:
                return thrd_nomem;
        default:
                return thrd_error;
        }
}

/* Of the sanitizer's runtime. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void unseen_begin(void)
{
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static int unseen_end(int error)
{
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
        return verdict(error);
}

/* --- threads --- */

struct start {
        thrd_start_t run;
        void *arg;
};

static void *run_and_free(void *arg)
{
        struct start start = *(struct start *)arg;
        free(arg);
        return (void *)(intptr_t)start.run(start.arg);
}

int thrd_create(thrd_t *ret_thread, thrd_start_t run, void *arg)
{
        struct start *start = malloc(sizeof(*start));
        if (!start)
                return thrd_nomem;
        *start = (struct start){ run, arg };
        int error = pthread_create(ret_thread, NULL, run_and_free, start);
        if (error)
                free(start);
        return verdict(error);
}

int thrd_join(thrd_t thread, int *ret_code)
{
        void *code;
        int error = pthread_join(thread, &code);
        if (!error && ret_code)
                *ret_code = (int)(intptr_t)code;
        return verdict(error);
}

int thrd_detach(thrd_t thread)
{
        return verdict(pthread_detach(thread));
}

thrd_t thrd_current(void)
{
        return pthread_self();
}

/* --- mutexes --- */

int mtx_init(mtx_t *mtx, int type)
{
        pthread_mutexattr_t attr;
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_settype(&attr,
                                  type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
        unseen_begin();
        int r = unseen_end(pthread_mutex_init((pthread_mutex_t *)mtx, &attr));
        pthread_mutexattr_destroy(&attr);
        return r;
}

void mtx_destroy(mtx_t *mtx)
{
        unseen_begin();
        (void)unseen_end(pthread_mutex_destroy((pthread_mutex_t *)mtx));
}

int mtx_lock(mtx_t *mtx)
{
        unseen_begin();
        return unseen_end(pthread_mutex_lock((pthread_mutex_t *)mtx));
}

int mtx_trylock(mtx_t *mtx)
{
        unseen_begin();
        return unseen_end(pthread_mutex_trylock((pthread_mutex_t *)mtx));
}

int mtx_unlock(mtx_t *mtx)
{
        unseen_begin();
        return unseen_end(pthread_mutex_unlock((pthread_mutex_t *)mtx));
}

/* --- conditions --- */

int cnd_init(cnd_t *cnd)
{
        unseen_begin();
        return unseen_end(pthread_cond_init((pthread_cond_t *)cnd, NULL));
}

void cnd_destroy(cnd_t *cnd)
{
        unseen_begin();
        (void)unseen_end(pthread_cond_destroy((pthread_cond_t *)cnd));
}

int cnd_signal(cnd_t *cnd)
{
        unseen_begin();
        return unseen_end(pthread_cond_signal((pthread_cond_t *)cnd));
}

int cnd_broadcast(cnd_t *cnd)
{
        unseen_begin();
        return unseen_end(pthread_cond_broadcast((pthread_cond_t *)cnd));
}

int cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
        unseen_begin();
        return unseen_end(pthread_cond_wait((pthread_cond_t *)cnd, (pthread_mutex_t *)mtx));
}

int cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *until)
{
        unseen_begin();
        return unseen_end(pthread_cond_timedwait((pthread_cond_t *)cnd, (pthread_mutex_t *)mtx, until));
}

/* --- once --- */

void call_once(once_flag *flag, void (*run)(void))
{
        pthread_once((pthread_once_t *)flag, run);
}
