/** Finds the hottest entries of a namespace and those below it. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { L1Table, Scanned } from '../l1/table'

/** An entry that is read much on this host. */
export interface HotKey {
  /** The path of its namespace below the one that was asked, '' for that itself. */
  namespace: string
  key: string
  /** 0 to 7: how often it was read of late, as coarsely as the table knows. */
  heat: number
  /** Of key and value. */
  bytes: number
}

export interface HotBounds {
  limit: number
  bytes: number
}

const HEATS = 8

/** The hottest first; each part of the walk is short, and the loop is free between two. */
export async function hottest(table: L1Table, path: string, { limit, bytes }: HotBounds): Promise<HotKey[]> {
  const found = new Candidates(limit)
  for (let from: number | undefined = 0; from !== undefined; ) {
    const part: ReturnType<L1Table['scan']> = table.scan(from)
    for (const each of part.found) found.add(each, path)
    from = part.next
    if (from !== undefined) await nextTurn()
  }
  const hot: HotKey[] = []
  let sum = 0
  for (const key of found.inOrder()) {
    if (hot.length === limit) break
    if (sum + key.bytes > bytes) continue
    sum += key.bytes
    hot.push(key)
  }
  return hot
}

/** By heat, as many of each as can be among the hottest. */
class Candidates {
  readonly #limit: number
  readonly #byHeat: Map<string, HotKey>[] = Array.from({ length: HEATS }, () => new Map())
  /** What is colder is not among them. */
  #coldest = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add({ namespace, key, heat, bytes }: Scanned, path: string): void {
    const below = relativePath(namespace, path)
    const kept = this.#byHeat[heat]
    if (below === undefined || kept === undefined || heat < this.#coldest || kept.size >= this.#limit) return
    kept.set(`${below}|${key}`, { namespace: below, key, heat, bytes })
    let hotter = 0
    for (let at = HEATS - 1; at > this.#coldest; at--) {
      hotter += this.#byHeat[at]!.size
      if (hotter < this.#limit) continue
      for (let cold = this.#coldest; cold < at; cold++) this.#byHeat[cold]!.clear()
      this.#coldest = at
    }
  }

  *inOrder(): Generator<HotKey> {
    for (const keys of [...this.#byHeat].reverse()) yield* keys.values()
  }
}

/** Undefined for what is not at or below `path`. */
function relativePath(namespace: string, path: string): string | undefined {
  if (namespace === path) return ''
  if (path === '') return namespace
  return namespace.startsWith(`${path}/`) ? namespace.slice(path.length + 1) : undefined
}
