/** Traces named on the command line. */
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** npm runs scripts in the root of the package; a path means what it meant where the command was given. */
export const fromCaller = (path: string): string => resolve(process.env['INIT_CWD'] ?? '.', path)

/** The file, or the traces of the folder. */
export function filesAt(path: string): string[] {
  const full = fromCaller(path)
  if (!statSync(full).isDirectory()) return [full]
  return readdirSync(full).filter((name) => name.endsWith('.u32.gz')).sort().map((name) => join(full, name))
}
