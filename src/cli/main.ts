#!/usr/bin/env node
/** The program `stratacache`. Exit codes: 0 done, 1 failed, 2 asked wrongly, 3 `info --check` found the host degraded. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CacheError } from '../words/errors'
import { nearest } from '../words/suggest'
import { acl } from './acl'
import { type Command, helpOf, readArguments } from './arguments'
import { daemon } from './daemon'
import { info } from './info'

const COMMANDS: readonly Command[] = [daemon, info, acl]
const FAILED = 1
const MISUSE = 2

const USAGE = [
  'stratacache COMMAND [options]',
  '',
  ...COMMANDS.map(({ name, does }) => `  ${name.padEnd(8)} ${does}`),
  '',
  'stratacache COMMAND --help tells the options; stratacache --version the version.',
].join('\n')

async function main([word, ...rest]: string[]): Promise<number> {
  if (word === '--version' || word === '-v') return say(version())
  if (word === undefined || word === '--help' || word === '-h' || word === 'help') return say(USAGE, word === undefined ? MISUSE : 0)
  const command = COMMANDS.find(({ name }) => name === word)
  if (command === undefined) return refuse(unknownCommand(word))
  const asked = readArguments(command, rest, process.env)
  return asked === undefined ? say(helpOf(command)) : command.run(asked)
}

/** Of the package, whose file lies outside what is compiled. */
function version(): string {
  return (JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as { version: string }).version
}

function say(text: string, code = 0): number {
  ;(code === 0 ? process.stdout : process.stderr).write(`${text}\n`)
  return code
}

function unknownCommand(word: string): CacheError {
  const names = COMMANDS.map(({ name }) => name)
  const near = nearest(word, names)
  // Not shown unless it is almost one: it may be a URL with a password.
  return new CacheError('ERR_CACHE_OPTION', near === undefined ? `the command must be one of ${names.join(', ')}` : `there is no command ${JSON.stringify(word)}. Did you mean ${near}?`)
}

function refuse(error: unknown): number {
  if (!(error instanceof CacheError)) throw error
  process.stderr.write(`stratacache: ${error.code}: ${error.message}\n`)
  return error.code === 'ERR_CACHE_OPTION' || error.code === 'ERR_CACHE_ARGUMENT' ? MISUSE : FAILED
}

main(process.argv.slice(2)).catch(refuse).then((code) => {
  process.exitCode = code
})
