/* A clock that is set while processes run: adds the seconds in a file to the time of day, not to durations.
 *
 *     cc -shared -fPIC -o shifted_clock.so shifted_clock.c
 *     LD_PRELOAD=shifted_clock.so SHIFTED_CLOCK_FILE=seconds program
 *
 * Only what programs ask for the time of day is shifted (clock_gettime, gettimeofday, time); monotonic clocks
 * and sleeps are the machine's, as they are when an administrator or NTP sets the clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t read_shift(void) {
  int saved = errno;
  char text[32] = {0};
  const char *name = getenv("SHIFTED_CLOCK_FILE");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
  }
  errno = saved;
  return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int answer = syscall(SYS_clock_gettime, clock, now);
  if (answer == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += read_shift();
  return answer;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  struct timespec found;
  if (clock_gettime(CLOCK_REALTIME, &found) != 0) return -1;
  now->tv_sec = found.tv_sec;
  now->tv_usec = found.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *stored) {
  struct timespec found;
  if (clock_gettime(CLOCK_REALTIME, &found) != 0) return -1;
  if (stored) *stored = found.tv_sec;
  return found.tv_sec;
}
