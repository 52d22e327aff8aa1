/** The keys of one namespace, and everything that can be done with them. */
import type { L1View } from '../l1/table'
import type { OptionsAt } from '../options/schema'
import { overTerms, readOptions, type Terms } from '../options/settings'
import { Many } from './many'
import type { Shared } from './reads'

export type NamespaceOptions = OptionsAt<'namespace'>

export class Namespace extends Many {
  /** Made by `createCache` and `namespace`. */
  constructor(view: L1View, shared: Shared, terms: Terms) {
    super(view, shared, terms)
  }

  /** The namespace of that name below this one. Its options stand over those of this one. */
  namespace(name: string, options?: NamespaceOptions): Namespace {
    const terms = overTerms(this.terms, readOptions('namespace', options))
    return new Namespace(this.view.child(name), this.shared, terms)
  }
}
