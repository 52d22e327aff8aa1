/**
 * Whether the calls of a namespace take the plain way, which looks at nothing but this.
 *
 * All plain namespaces of a cache share one, so that a listener or a feature switched off reaches them at once.
 */
export class Mode {
  isSpecial = false
}

/** For namespaces whose own terms need more than the plain way. */
export const ALWAYS_SPECIAL: Readonly<Mode> = Object.freeze(Object.assign(new Mode(), { isSpecial: true }))
