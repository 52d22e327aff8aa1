// Process groups: a test program and everything it started.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const leaders = new Set()

/** Sees to it that the group ends with this process, whatever ends this process. */
export function adopt(leader) {
  if (leaders.size === 0) {
    for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]]) {
      process.once(signal, () => process.exit(128 + number))
    }
    process.once('exit', () => leaders.forEach(endGroup))
  }
  leaders.add(leader)
}

/**
 * Called when the leader is gone. Others of the group get a moment to follow it; true if some did
 * not and had to be killed.
 */
export async function dissolve(leader) {
  const stayed = !await isEmptied(leader)
  if (stayed) {
    endGroup(leader)
    await isEmptied(leader)
  }
  leaders.delete(leader)
  return stayed
}

async function isEmptied(leader) {
  for (let waited = 0; waited < 1_000 && isPopulated(leader); waited += 50) await sleep(50)
  return !isPopulated(leader)
}

export function endGroup(leader) {
  try { process.kill(-leader, 'SIGKILL') } catch { /* nobody left */ }
}

function isPopulated(leader) {
  return existsSync('/proc/self/stat') ? hasLivingMember(leader) : isSignallable(leader)
}

// A signal also finds the dead whom a container's init does not collect, /proc tells them apart.
function hasLivingMember(leader) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).some((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const [state, , group] = text.slice(text.lastIndexOf(')') + 2).split(' ')
      return Number(group) === leader && state !== 'Z'
    } catch {
      return false
    }
  })
}

function isSignallable(leader) {
  try { return process.kill(-leader, 0) } catch { return false }
}
