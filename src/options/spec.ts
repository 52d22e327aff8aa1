/** The form of an option's line in a table of options. */

/** Where an option may stand: in `createCache`, in `namespace`, in the call of that name, or where a batch is asked for. */
export type OptionLevel = 'cache' | 'namespace' | 'getOrSet' | 'set' | 'touch' | 'batch'

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

export const EVERY_LIFE = ['cache', 'namespace', 'getOrSet', 'set', 'touch'] as const
export const EVERY_LOAD = ['cache', 'namespace', 'getOrSet'] as const
export const EVERY_WRITE = ['cache', 'namespace', 'getOrSet', 'set'] as const

export function option<G, P, const L extends readonly OptionLevel[]>(spec: OptionSpec<G, P, L>): OptionSpec<G, P, L> {
  return spec
}
