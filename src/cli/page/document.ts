/** Pages as one self-contained document each; the policy admits exactly their style and script. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Page {
  html: string
  policy: string
}

// The compiler copies no HTML, so the parts are read from the source folders.
const SHARED = join(__dirname, '../../../../src/cli/page')

export const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** `folder` has `<name>.html`, `.css` and `.js`; what all pages share goes before them. */
export function readPage(folder: string, name: string): Page {
  const part = (extension: string): string => readFileSync(join(folder, `${name}.${extension}`), 'utf8')
  const shared = (file: string): string => readFileSync(join(SHARED, file), 'utf8')
  const style = shared('base.css') + part('css')
  const code = shared('base.js') + part('js')
  const html = part('html').replace('/* style */', () => style).replace('/* script */', () => code)
  const policy = [
    "default-src 'none'", `style-src ${sha256(style)}`, `script-src ${sha256(code)}`, "connect-src 'self'", 'img-src data:',
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ].join('; ')
  return { html, policy }
}

export const daemonPage = (): Page => readPage(SHARED, 'daemon')
