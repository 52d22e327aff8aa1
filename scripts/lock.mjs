// One setup at a time: `npm start` and `npm test` in two terminals must not build over each other.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dim, say } from './console.mjs'

/** Runs `work` while holding the lock file; waits for a living holder, takes over from a dead one. */
export async function exclusively(file, work) {
  mkdirSync(dirname(file), { recursive: true })
  for (let told = false; !take(file); told = true) {
    if (!told) say(dim(`waiting for the setup that process ${holder(file)} is doing`))
    await sleep(200)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function take(file) {
  // Linked into place, so that a lock that can be seen always names its holder.
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  } finally {
    rmSync(mine, { force: true })
  }
  if (!isAlive(holder(file))) rmSync(file, { force: true })
  return false
}

function holder(file) {
  try { return Number(readFileSync(file, 'utf8')) } catch { return 0 }
}

function isAlive(pid) {
  if (!pid) return false
  try { process.kill(pid, 0); return true } catch (error) { return error.code === 'EPERM' }
}
