// Notes that can be written: kept in files, which stand for the database that all hosts share.
import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { settings } from './settings'

export interface Note { text: string; by: string; process: number }

export interface NotePlace {
  /** Of the note in the cache. */
  key: string
  read(): Promise<Note>
  write(note: Note): Promise<void>
}

const ADDRESS = /^\/api\/notes\/([a-z0-9-]{1,40})$/
const NONE: Note = { text: '', by: 'nobody', process: 0 }

/** `undefined` if the address is no note's. */
export function noteAt(path: string): NotePlace | undefined {
  const name = ADDRESS.exec(path)?.[1]
  if (name === undefined || settings.notesDir === undefined) return undefined
  const file = join(settings.notesDir, `${name}.json`)
  return {
    key: `notes/${name}`,
    async read() {
      const text = await readFile(file, 'utf8').catch(() => undefined)
      return text === undefined ? NONE : JSON.parse(text) as Note
    },
    async write(note) {
      // Readers see the old note or the new one.
      const draft = `${file}.${randomUUID()}`
      await writeFile(draft, JSON.stringify(note))
      await rename(draft, file)
    },
  }
}
