/** Which of the records that are due go to Redis: of plain writes of a key only the last. */
import { DELETE, type JournalWrite, SET } from './contract'
import type { ProcessRecord } from './process-record'

/** What of the chosen is to be sent; the rest becomes `superseded`. */
export function coalesced(chosen: readonly ProcessRecord[]): ProcessRecord[] {
  const groups = new Map<string, ProcessRecord[]>()
  for (const record of chosen) {
    const id = `${record.write.namespace}|${record.write.key}`
    const group = groups.get(id)
    if (group === undefined) groups.set(id, [record])
    else group.push(record)
  }
  return [...groups.values()].flatMap(survivors)
}

function survivors(group: ProcessRecord[]): ProcessRecord[] {
  const left: ProcessRecord[] = []
  let run = 0
  for (const record of group.sort((a, b) => a.hostVersion - b.hostVersion || a.mark - b.mark)) {
    if (isPlain(record.write)) {
      for (const old of left.splice(run)) {
        old.state = 'superseded'
        old.by = record
      }
    }
    left.push(record)
    if (!isReplaceable(record.write)) run = left.length
  }
  return left
}

/** Takes the place of earlier records of its key. */
function isPlain({ op, condition, sourceVersion }: JournalWrite): boolean {
  return (op === SET || op === DELETE) && condition === 0 && sourceVersion === 0
}

/** Nobody waits to learn whether its condition held. */
function isReplaceable({ condition, sourceVersion }: JournalWrite): boolean {
  return condition !== 1 && condition !== 2 && sourceVersion === 0
}
