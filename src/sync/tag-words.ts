/** How a clear of a tag is named in the journal, in Redis and in messages, where namespaces have their paths. */
import type { TagClear } from '../l1/table'

/** No path of a namespace begins so. */
const LETTERS = { delete: '#d', expire: '#x' } as const

export function nameOfTagClear(slot: number, kind: TagClear): string {
  return LETTERS[kind] + slot
}

export function isTagClear(name: string): boolean {
  return name.startsWith('#')
}

/** Undefined for what `nameOfTagClear` did not make. */
export function tagClearOf(name: string): { slot: number; kind: TagClear } | undefined {
  const match = /^#([dx])(\d{1,5})$/.exec(name)
  return match === null ? undefined : { kind: match[1] === 'd' ? 'delete' : 'expire', slot: Number(match[2]) }
}
