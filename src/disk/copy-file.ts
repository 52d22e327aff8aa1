/**
 * The file of copies: an lmdb environment with three kinds of keys.
 *
 *   'c' namespace 0 key      the copy (record.ts)
 *   'o' number, 8 bytes big-endian     the key of the copy with that number, in the order of writing
 *   's' name                 a number or a text, as JSON: 'life', 'number', 'bytes', and the number up to which copies are
 *                            cleared, by namespace ('n:a/b') and by slot of a tag ('t:17')
 */
import { type Environment, openEnvironment, type Transaction } from './lmdb'
import { numberOf } from './record'

const ORDER = 0x6f
const STATE = 0x73
const PAGE_BYTES = 4_096
/** What is larger with its key lies in pages of its own. */
const INLINE_BYTES = 2_000
const NODE_BYTES = 48
/** Pages of small records are about two thirds full. */
const SLACK = 1.5

export class CopyFile {
  readonly #environment: Environment

  /** Makes the file if it is not there. Throws what lmdb throws. */
  constructor(path: string) {
    this.#environment = openEnvironment(path)
  }

  /** Reads after it see all that was committed before. */
  renew(): void {
    this.#environment.renew()
  }

  /** The region whose copies these are, or have become. */
  life(): string | undefined {
    return stateIn(this.#environment, 'life') as string | undefined
  }

  get(key: Buffer): Buffer | undefined {
    return this.#environment.get(key)
  }

  has(key: Buffer): boolean {
    return this.#environment.has(key)
  }

  /** The number up to which copies are cleared. */
  clearedUpTo(what: string): number {
    return (stateIn(this.#environment, what) as number | undefined) ?? 0
  }

  /** As they are accounted for. */
  bytes(): number {
    return (stateIn(this.#environment, 'bytes') as number | undefined) ?? 0
  }

  /** In one transaction that excludes those of all processes; resolves when it is on the disk. */
  write(step: (changes: Changes) => void): Promise<void> {
    return this.#environment.write((transaction) => {
      const changes = new Changes(transaction)
      step(changes)
      changes.end()
    })
  }

  tidy(): void {
    this.#environment.tidy()
  }

  close(): Promise<void> {
    return this.#environment.close()
  }

  /** Reads all keys, and where pages may be missing all copies. A damaged file may end the process. How many there are. */
  walk(fileBytes: number): number {
    const isShort = fileBytes < this.#environment.wholeBytes()
    let count = 0
    for (let start = Buffer.of(0); ; ) {
      const keys = this.#environment.keys(start, Buffer.of(255), 1_000)
      for (const key of keys) if (isShort) this.#environment.get(key)
      count += keys.length
      if (keys.length < 1_000) return count
      start = Buffer.concat([keys.at(-1)!, Buffer.of(0)])
    }
  }
}

/** Taken at a time. */
const NUMBERS = 64
const BYTES = 64 * 1024

/**
 * What one transaction does. lmdb commits the first half of it if its thread is terminated in the middle. So numbers and bytes are
 * taken before copies have them, that a clear reaches those as well and the file stays bounded; and a copy comes after its
 * place in the order and goes before it.
 */
export class Changes {
  readonly #transaction: Transaction
  #number: number
  #numbersTaken: number
  #bytes: number
  #bytesTaken: number

  constructor(transaction: Transaction) {
    this.#transaction = transaction
    this.#number = this.#numbersTaken = (stateIn(transaction, 'number') as number | undefined) ?? 0
    this.#bytes = this.#bytesTaken = (stateIn(transaction, 'bytes') as number | undefined) ?? 0
  }

  life(): string | undefined {
    return stateIn(this.#transaction, 'life') as string | undefined
  }

  setLife(life: string): void {
    this.#set('life', life)
  }

  /** `make` is given the copy's number. */
  put(key: Buffer, make: (number: number) => Buffer): void {
    this.remove(key)
    if (this.#number === this.#numbersTaken) this.#set('number', (this.#numbersTaken += NUMBERS))
    const copy = make(++this.#number)
    this.#bytes += costOf(key, copy)
    if (this.#bytes > this.#bytesTaken) this.#set('bytes', (this.#bytesTaken = this.#bytes + BYTES))
    this.#transaction.put(orderKey(this.#number), key)
    this.#transaction.put(key, copy)
  }

  /** Whether it was there. */
  remove(key: Buffer): boolean {
    const copy = this.#transaction.get(key)
    if (copy === undefined) return false
    this.#transaction.remove(key)
    const number = numberOf(copy)
    if (Number.isSafeInteger(number)) this.#transaction.remove(orderKey(number))
    this.#bytes -= costOf(key, copy)
    return true
  }

  /** What was copied up to now is cleared. */
  clear(what: string): void {
    this.#set(what, this.#number)
  }

  /** Removes the oldest until the rest fits. How many. */
  trim(maxBytes: number): number {
    let count = 0
    while (this.#bytes > maxBytes) {
      const oldest = this.#transaction.keys(Buffer.of(ORDER), Buffer.of(ORDER + 1), 64)
      if (oldest.length === 0) {
        this.#bytes = 0
        break
      }
      for (const order of oldest) {
        const key = this.#transaction.get(order)
        if (key !== undefined && this.remove(key)) count++
        this.#transaction.remove(order)
        if (this.#bytes <= maxBytes) break
      }
    }
    return count
  }

  end(): void {
    this.#setIfOther('number', this.#number)
    this.#setIfOther('bytes', Math.max(0, this.#bytes))
  }

  #setIfOther(name: string, value: number): void {
    if (((stateIn(this.#transaction, name) as number | undefined) ?? 0) !== value) this.#set(name, value)
  }

  #set(name: string, value: unknown): void {
    this.#transaction.put(stateKey(name), Buffer.from(JSON.stringify(value)))
  }
}

/** Of the copy of an entry. */
export function copyKey(namespace: string, key: string): Buffer {
  return Buffer.from(`c${namespace}\0${key}`)
}

export function namespaceClear(namespace: string): string {
  return `n:${namespace}`
}

export function tagClear(slot: number): string {
  return `t:${slot}`
}

function orderKey(number: number): Buffer {
  const key = Buffer.alloc(9, ORDER)
  key.writeBigUInt64BE(BigInt(number), 1)
  return key
}

function stateKey(name: string): Buffer {
  return Buffer.concat([Buffer.of(STATE), Buffer.from(name)])
}

function stateIn(place: Pick<Transaction, 'get'>, name: string): unknown {
  const bytes = place.get(stateKey(name))
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as unknown)
}

/** What a copy takes of the file, with its place in the order. */
function costOf(key: Buffer, copy: Buffer): number {
  const isInline = key.length + copy.length <= INLINE_BYTES
  const own = isInline ? (key.length + copy.length + NODE_BYTES) * SLACK : Math.ceil((copy.length + 16) / PAGE_BYTES) * PAGE_BYTES + (key.length + NODE_BYTES) * SLACK
  return Math.ceil(own + (9 + key.length + NODE_BYTES) * SLACK)
}
