/** What a Redis with an append-only file has ever stored, in order: the file is its own witness over every crash. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The values that each key was set to, the first one first. */
export function valuesInOrder(dir: string): Map<string, Buffer[]> {
  const folder = join(dir, 'appendonlydir')
  const manifest = readFileSync(join(folder, 'appendonly.aof.manifest'), 'utf8')
  const files = [...manifest.matchAll(/^file (\S+) seq \d+ type i/gm)].map(([, name]) => join(folder, name!))
  const values = new Map<string, Buffer[]>()
  for (const file of files) {
    for (const [name, key, value] of executed(commands(readFileSync(file)))) {
      if (nameOf(name) !== 'SET') continue
      const list = values.get(key!.toString())
      if (list === undefined) values.set(key!.toString(), [value!])
      else list.push(value!)
    }
  }
  return values
}

/**
 * Without what a crash cut off within a transaction: Redis leaves the whole commands of it in the file when it starts
 * again, and does not execute them. What it then writes begins with a SELECT.
 */
function* executed(all: Iterable<Buffer[]>): Generator<Buffer[]> {
  let transaction: Buffer[][] | undefined
  for (const words of all) {
    const name = nameOf(words[0])
    if (name === 'SELECT') transaction = undefined
    else if (name === 'MULTI') transaction = []
    else if (name === 'EXEC') {
      yield* transaction ?? []
      transaction = undefined
    } else if (transaction === undefined) yield words
    else transaction.push(words)
  }
}

const nameOf = (word: Buffer | undefined): string | undefined => word?.toString('latin1').toUpperCase()

/** Ends at what is not whole. */
function* commands(bytes: Buffer): Generator<Buffer[]> {
  let at = 0
  const number = (mark: string): number | undefined => {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0 || String.fromCharCode(bytes[at]!) !== mark) return undefined
    const value = Number(bytes.toString('latin1', at + 1, end))
    at = end + 2
    return value
  }
  for (;;) {
    const count = number('*')
    if (count === undefined) return
    const words: Buffer[] = []
    for (let i = 0; i < count; i++) {
      const size = number('$')
      if (size === undefined || at + size + 2 > bytes.length) return
      words.push(bytes.subarray(at, at + size))
      at += size + 2
    }
    yield words
  }
}
