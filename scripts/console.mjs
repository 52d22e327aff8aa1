// What the scripts print: one line per step with its duration, colour only on a terminal.
import { spawn } from 'node:child_process'

const colours = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : String(text))

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)

export const seconds = (ms) => (ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`)

export const say = (line = '') => process.stdout.write(`${line}\n`)

/** Ends a script with one readable reason instead of a stack. */
export class Refusal extends Error {}

/** Runs `main` and turns whatever goes wrong into a line and exit code 1. */
export function runScript(main) {
  main().then(
    (code) => { process.exitCode = code ?? 0 },
    (error) => {
      const isPlain = error instanceof Refusal || error.code?.startsWith('ERR_PARSE_ARGS')
      say(red(isPlain ? error.message : (error.stack ?? String(error))))
      process.exitCode = 1
    },
  )
}

/** Runs a program to its end and keeps what it printed. */
export function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    const keep = (chunk) => { output += chunk }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', (error) => resolve({ code: 127, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

const line = (mark, name, text) => say(`${mark} ${name.padEnd(8)} ${text}`)

/** A step that had nothing to do. */
export const upToDate = (name) => line(dim('✓'), name, dim('up to date'))

/** A step that could not be done and is not missed. */
export const without = (name, why) => line(yellow('!'), name, why)

/**
 * Prints what a step is doing and, when `work` is done, how long it took. A string from `work` says
 * why it failed, its further lines are details. Returns whether it succeeded.
 */
export async function step(name, doing, work) {
  const started = Date.now()
  line(dim('…'), name, doing)
  const failure = await work()
  const took = dim(`(${seconds(Date.now() - started)})`)
  if (!failure) line(green('✓'), name, `done ${took}`)
  else {
    const [why, ...details] = failure.split('\n')
    line(red('✗'), name, `${why} ${took}`)
    for (const detail of details) say(`    ${detail}`)
  }
  return !failure
}
