import { readFileSync, statSync } from 'node:fs'

// native/journal/layout.h
const FIRST_BYTE = 2 ** 40 + 16
const CANDIDATES = 3

/** How many wait for the lead of the journal's host, by the locks they hold: at most three at a time. */
export function candidatesWaiting(journalPath: string): number {
  const { ino } = statSync(journalPath)
  const locks = readFileSync('/proc/locks', 'utf8').matchAll(/ [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+)$/gm)
  return [...locks].filter(([, inode, start]) => Number(inode) === ino && Number(start) >= FIRST_BYTE && Number(start) < FIRST_BYTE + CANDIDATES).length
}
