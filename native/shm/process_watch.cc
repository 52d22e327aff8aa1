#include "shm/process_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace strata {

ProcessWatch::ProcessWatch() : event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ProcessWatch::~ProcessWatch() {
  if (event_fd_ >= 0) close(event_fd_);
}

bool ProcessWatch::Wait(uint32_t thread, uint32_t timeout_ms) {
  constexpr unsigned kThread = O_EXCL;  // PIDFD_THREAD
  const int pid_fd = thread == 0 ? -1 : static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(thread), kThread));
  pollfd fds[] = {{event_fd_, POLLIN, 0}, {pid_fd, POLLIN, 0}};  // poll passes over descriptors below 0
  const bool has_news = poll(fds, 2, static_cast<int>(timeout_ms)) > 0;
  if (pid_fd >= 0) close(pid_fd);
  return has_news && pid_fd >= 0 && (fds[1].revents & POLLIN) != 0;
}

void ProcessWatch::Cancel() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
}

}  // namespace strata
