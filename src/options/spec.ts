/** The form of an option's line in a table of options. */

/** Where an option may stand: in `createCache`, in `namespace`, in the call of that name, where a batch or the hottest keys are asked for. */
export type OptionLevel = 'cache' | 'namespace' | 'getOrSet' | 'get' | 'set' | 'touch' | 'batch' | 'warm' | 'hot' | 'importHot' | 'ready'

export interface OptionSpec<Given, Parsed, Levels extends readonly OptionLevel[]> {
  /** The type as the documentation shows it. */
  type: string
  levels: Levels
  default: Parsed
  /** The default as the documentation shows it. */
  shownDefault: string
  doc: string
  parse: (given: Given, name: string) => Parsed
}

export const WIDE = ['cache', 'namespace'] as const
export const EVERY_READ = ['cache', 'namespace', 'getOrSet', 'get'] as const
export const EVERY_READ_AND_SET = ['cache', 'namespace', 'getOrSet', 'get', 'set'] as const
export const EVERY_LIFE = ['cache', 'namespace', 'getOrSet', 'set', 'touch'] as const
export const EVERY_LOAD = ['cache', 'namespace', 'getOrSet'] as const
export const EVERY_WRITE = ['cache', 'namespace', 'getOrSet', 'set'] as const

export function option<G, P, const L extends readonly OptionLevel[]>(spec: OptionSpec<G, P, L>): OptionSpec<G, P, L> {
  return spec
}
