// Runs one test program in a process of its own, and never waits longer than its deadline.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { capture } from './console.mjs'
import { adopt, dissolve, endGroup } from './process-group.mjs'
import { root } from './setup.mjs'

const reports = join(root, 'build', 'reports')
const MAX_OUTPUT = 1_000_000

/**
 * `{ output, code, signal, ms, hung, orphans }` of a finished program. `orphans` says that it left
 * processes behind, which have been killed.
 */
export async function runToEnd([command, ...args], { env, deadlineMs, isNode }) {
  const started = Date.now()
  const report = `${started}-${Math.random().toString(36).slice(2)}.json`
  if (isNode) {
    mkdirSync(reports, { recursive: true })
    args = ['--report-on-signal', `--report-directory=${reports}`, `--report-filename=${report}`, ...args]
  }
  const child = spawn(command, args, {
    cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env },
  })
  let output = ''
  const keep = (chunk) => { output = (output + chunk).slice(-MAX_OUTPUT) }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const closed = once(child, 'close').catch(() => {})
  if (child.pid) adopt(child.pid)

  let hung = false
  const deadline = setTimeout(async () => {
    hung = true
    keep(await whereItHangs(child.pid, isNode && join(reports, report)))
    endGroup(child.pid)
  }, deadlineMs)

  // `exit`, not `close`: a process left behind may hold the pipes open for ever.
  const [code, signal] = await new Promise((resolve) => {
    child.on('error', (error) => { keep(`${error.message}\n`); resolve([127, null]) })
    child.on('exit', (...end) => resolve(end))
  })
  clearTimeout(deadline)
  const ms = Date.now() - started
  const orphans = child.pid !== undefined && await dissolve(child.pid) && !hung
  await Promise.race([closed, sleep(1_000)])
  child.stdout.destroy()
  child.stderr.destroy()
  return { output, code, signal, ms, hung, orphans }
}

// The stacks of a program that hangs: Node's own report if its loop still turns, gdb if not.
async function whereItHangs(pid, report) {
  if (report) {
    try {
      process.kill(pid, 'SIGUSR2')
      await sleep(1_500)
      const { javascriptStack, libuv } = JSON.parse(readFileSync(report, 'utf8'))
      rmSync(report)
      const open = libuv.filter((handle) => handle.is_active && handle.is_referenced).map((handle) => handle.type)
      return `\n--- at the deadline ---\n${[javascriptStack.message, ...javascriptStack.stack ?? []].join('\n')}\n` +
        `open handles: ${open.join(', ') || 'none'}\n`
    } catch {
      // It did not answer, so it is inside native code.
    }
  }
  const { code, output } = await capture('timeout', ['20', 'gdb', '-p', String(pid), '-batch', '-ex', 'thread apply all bt 12'])
  return code === 0 ? `\n--- at the deadline ---\n${output}\n` : ''
}
