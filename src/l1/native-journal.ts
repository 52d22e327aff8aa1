/** The addon's surface of one journal. Numbers travel by the mailbox; `native/binding/journal_handle.h` has the indices. */
export interface NativeJournal {
  readonly hostId: string
  readonly path: string
  readonly warnings: string
  readonly maxRecordBytes: number
  /** Doubles of the mailbox, and doubles per drained record. */
  readonly numbers: number
  readonly recordNumbers: number
  attach(mailbox: ArrayBuffer): void
  listen(onEvent: () => void): boolean

  prepare(namespace: string, key: string, payload: string | Uint8Array): number
  commit(mark: number, hostVersion: number, nsEpoch: number): boolean
  cancel(mark: number): void
  isSettled(mark: number): boolean
  isPassed(mark: number): boolean
  answer(mark: number): void
  await(mark: number): void
  announce(): void
  takeAnswers(): number
  isRoomy(): boolean
  pending(namespace: string, key: string): Buffer | undefined
  inTheWay(namespace: string, key: string): 0 | 1 | 2
  heir(namespace: string, key: string, givenUp: number, hostVersion: number): number

  claimCoordinator(): boolean
  campaign(): void
  resign(): void
  term(): number
  drain(records: number, bytes: number): number
  fill(meta: Float64Array, body: Uint8Array): boolean
  resolve(id: number, hostVersion: number, nsEpoch: number): boolean
  assign(ids: Float64Array): boolean
  settle(answers: Float64Array, reasons: readonly string[]): boolean
  sleep(): boolean
  positions(seqs: Float64Array, epochs: Float64Array, servers: Float64Array): void
  rememberPositions(seqs: Float64Array, epochs: Float64Array, servers: Float64Array): boolean

  status(): void
  setStatus(which: number, value: number): boolean
  mayTry(): number
  report(isGood: boolean, failures: number, firstOpenMs: number, maxOpenMs: number): void
  closeBreaker(): void
  deadLetters(): NativeLetter[]
  takeLetter(id: number): boolean
  stats(): Record<string, number>
  close(unlink: boolean): void
}

export interface NativeLetter {
  id: number
  timeMs: number
  op: number
  codec: number
  partition: number
  softAtMs: number
  hardAtMs: number
  namespace: string
  key: string
  reason: string
  bytes: number
  payload?: Buffer
}

export interface NativeJournalOptions {
  dir: string
  name: string
  bytes: number
  lanes: number
  letterBytes: number
  /** '' for a journal that goes with no region. */
  regionId: string
  /** One of a region that is gone, which nobody uses any more, becomes that of this region; none is made. */
  onlyAdopts: boolean
}
