// The frame around every rendered page, and what a browser may do with it: nothing but style it.
import { sha256 } from '../../src/cli/page/document'

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2530; --soft: #5d6878; --line: #d9dee6; --paper: #fff; --box: #f3f5f8; --link: #0b61c4 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #97a3b4; --line: #303947; --paper: #12161c; --box: #1b212a; --link: #6db1ff } }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 52rem; font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); overflow-wrap: break-word }
a { color: var(--link) } img { max-width: 100% }
pre, code { font: 0.88em/1.5 ui-monospace, monospace; background: var(--box); border-radius: 4px } code { padding: 0.1em 0.3em }
pre { padding: 0.8rem; overflow-x: auto } pre code { padding: 0 }
table { border-collapse: collapse; display: block; overflow-x: auto } td, th { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left }
h1, h2 { line-height: 1.25 } .wide { overflow-x: auto; width: max-content; max-width: calc(100vw - 2rem); position: relative; left: 50%; transform: translateX(-50%) }
svg { font: 13px system-ui, sans-serif } svg text { fill: var(--ink) } svg .box { fill: var(--box); stroke: var(--line) } svg .edge { fill: none; stroke: var(--soft); opacity: 0.45 }
`

/** READMEs are other people's HTML: no script, no request, no frame, whatever they contain. */
export const PAGE_POLICY = `sandbox allow-top-navigation-by-user-activation; default-src 'none'; style-src ${sha256(STYLE)}`

export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style>
${body}
</html>
`
}
