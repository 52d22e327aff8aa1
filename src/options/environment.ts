/**
 * Options from the environment: `STRATACACHE_` and the option's name, words joined by '_', a field of an object behind it:
 * STRATACACHE_TTL=5m, STRATACACHE_REFRESH_AHEAD=0.8, STRATACACHE_L2_HARD_TIMEOUT=500ms.
 */
import { CacheError } from '../words/errors'
import { OPTIONS } from './schema'

const PREFIX = 'STRATACACHE_'

/** Variables that are no options. */
const OTHERS = /^STRATACACHE_(L1|ADDON|REDIS_FILE|REDIS_SERVER|TEST_.*)$/

/** 'l2.batchBytes' as a variable: 'STRATACACHE_L2_BATCH_BYTES'. */
export function variableOf(path: string): string {
  return PREFIX + path.replace('.', '_').replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

export interface FromEnvironment {
  /** By option, as they would be given to `createCache`. */
  options: Record<string, unknown>
  /** The variable of each option, and of each field as 'option.field'. */
  variables: Map<string, string>
  /** Variables with our prefix that name no option. */
  unknown: string[]
}

/** An empty variable counts as none. Values are not checked here. Throws ERR_CACHE_OPTION for JSON that is none, without showing it. */
export function optionsIn(env: NodeJS.ProcessEnv): FromEnvironment {
  const found: FromEnvironment = { options: {}, variables: new Map(), unknown: [] }
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text === '' || OTHERS.test(variable)) continue
    const place = PLACES.get(variable) ?? fieldOf(variable)
    if (place === undefined) {
      found.unknown.push(variable)
      continue
    }
    const { name, field } = place
    const value = valueOf(name, field, text, variable)
    if (field === undefined) found.options[name] = value
    else found.options[name] = { ...(found.options[name] as object | undefined), [field]: value }
    found.variables.set(field === undefined ? name : `${name}.${field}`, variable)
  }
  return found
}

interface Place {
  name: keyof typeof OPTIONS
  field?: string
}

const NAMES = (Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]).filter((name) => isText(name) && (OPTIONS[name].levels as readonly string[]).includes('cache'))

const PLACES = new Map<string, Place>(NAMES.map((name) => [variableOf(name), { name }]))

/** What a variable can say: no functions, no objects with methods. */
function isText(name: keyof typeof OPTIONS): boolean {
  return !/^(function|object with|Standard Schema)/.test(OPTIONS[name].type)
}

/** Names of fields are checked where their values are. */
function fieldOf(variable: string): Place | undefined {
  for (const name of NAMES) {
    const stem = `${variableOf(name)}_`
    if (!variable.startsWith(stem) || !OPTIONS[name].type.includes('{') || name === 'redis') continue
    const words = variable.slice(stem.length).toLowerCase()
    return { name, field: words.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) }
  }
  return undefined
}

function valueOf(name: keyof typeof OPTIONS, field: string | undefined, text: string, variable: string): unknown {
  if (field === undefined && OPTIONS[name].type === 'string') return text
  if (field === undefined && OPTIONS[name].type.startsWith('array')) return text.split(',').map((part) => part.trim())
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'Infinity') return Number.POSITIVE_INFINITY
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (!text.startsWith('{')) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The parser's message would quote it, and it may hold a password.
    throw new CacheError('ERR_CACHE_OPTION', `${variable} begins as JSON and is not well-formed`)
  }
}
