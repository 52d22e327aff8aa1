import { existsSync, readFileSync } from 'node:fs'

/** Whether a process runs. A dead one whom nobody collects does not, though signals still find it. */
export function isAlive(pid: number): boolean {
  return existsSync('/proc/self/stat') ? isRunning(pid) : isSignallable(pid)
}

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0] !== 'Z'
  } catch {
    return false
  }
}

function isSignallable(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
