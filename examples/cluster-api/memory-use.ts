// How much memory a process really costs: pages that several processes map are divided among them.
import { readFileSync } from 'node:fs'

export interface MemoryUse { ownBytes: number; sharedBytes: number }

/** Linux only; elsewhere nothing is known and both are 0. */
export function memoryUse(pid: number): MemoryUse {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
    const sharedBytes = bytes('Pss_Shmem')
    return { ownBytes: bytes('Pss') - sharedBytes, sharedBytes }
  } catch {
    return { ownBytes: 0, sharedBytes: 0 }
  }
}
