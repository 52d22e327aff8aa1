/** What a program of the command line says while it runs: one JSON object per line. */
import type { Logger } from '../options/parsers'

/** `common` goes into every line. Fields never hold connection options: those have passwords. */
export function jsonLogger(write: (line: string) => void, common: object): Logger {
  const at = (level: string) => (fields: object, message: string): void =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, ...common, ...fields, message })}\n`)
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') }
}
