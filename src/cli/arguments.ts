/** What a command was asked to do. */
import { parseArgs } from 'node:util'
import { variableOf } from '../options/environment'
import type { ParsedOptions } from '../options/schema'
import { CacheError, describe } from '../words/errors'
import { nearest } from '../words/suggest'
import { type Flag, type FlagPath, FLAGS, optionsFrom, wordOf } from './flags'

export interface Command {
  name: string
  /** One line. */
  does: string
  /** Which options of the cache it takes. */
  flags: readonly FlagPath[]
  /** Words of its own, by name. */
  own: Readonly<Record<string, Flag>>
  /** Further lines of its help. */
  notes?: readonly string[]
  /** Resolves to the exit code. */
  run(asked: Asked): Promise<number> | number
}

export interface Asked {
  options: ParsedOptions
  /** Values of the command's own words; true for those that take none. */
  own: Readonly<Record<string, string | true | undefined>>
  /** Options that came by the command line, where others can read them. */
  isOnCommandLine(path: FlagPath): boolean
}

/** Undefined: help was asked for. Throws ERR_CACHE_OPTION, never showing a value that may be a password. */
export function readArguments(command: Command, words: readonly string[], env: NodeJS.ProcessEnv): Asked | undefined {
  const specs = Object.fromEntries([...allFlags(command)].map(([word, { value }]) => [word, { type: value === undefined ? 'boolean' as const : 'string' as const }]))
  const { values, positionals } = parse(command, words, { ...specs, help: { type: 'boolean', short: 'h' } })
  if (values['help'] === true) return undefined
  // It is not shown: a URL whose option name was forgotten may hold a password.
  if (positionals.length > 0) throw new CacheError('ERR_CACHE_OPTION', `stratacache ${command.name} takes options only, got ${positionals.length} other word${positionals.length > 1 ? 's' : ''}`)
  const own: Record<string, string | true | undefined> = {}
  for (const word of Object.keys(command.own)) {
    const value = values[word]
    if (typeof value === 'string' || value === true) own[word] = value
  }
  return { options: optionsFrom(command.flags, values, env), own, isOnCommandLine: (path) => values[wordOf(path)] !== undefined }
}

export function helpOf(command: Command): string {
  const flags = [...allFlags(command)].map(([word, { value, doc }]) => [`--${word}${value === undefined ? '' : ` ${value}`}`, doc] as const)
  const width = Math.max(...flags.map(([word]) => word.length))
  return [
    `stratacache ${command.name}: ${command.does}`,
    '',
    ...flags.map(([word, doc]) => `  ${word.padEnd(width)}  ${doc}`),
    '',
    `Options of the cache can also be given as variables: ${variableOf('name')}, ${variableOf('redis')} and so on.`,
    ...(command.notes ?? []),
  ].join('\n')
}

function allFlags({ flags, own }: Command): Map<string, Flag> {
  return new Map([...flags.map((path): [string, Flag] => [wordOf(path), FLAGS[path]]), ...Object.entries(own)])
}

type Specs = Record<string, { type: 'string' | 'boolean'; short?: string }>

function parse(command: Command, words: readonly string[], options: Specs): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const option = /'(-[^ '=<]*)/.exec(message)?.[1] ?? ''
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const near = nearest(option.replace(/^-+/, ''), Object.keys(options))
      const hint = near === undefined ? `See stratacache ${command.name} --help.` : `Did you mean --${near}?`
      throw new CacheError('ERR_CACHE_OPTION', `stratacache ${command.name} has no option ${describe(option)}. ${hint}`)
    }
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      const long = /--([a-z0-9-]+)/.exec(message)?.[1] ?? ''
      const { type } = options[long] ?? {}
      throw new CacheError('ERR_CACHE_OPTION', type === 'string' ? `--${long} needs a value` : `--${long} takes no value`)
    }
    throw error
  }
}
