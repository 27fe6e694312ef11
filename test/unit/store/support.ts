import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Layout } from '#lib/store/index.js'

/** A directory for every case, gone after it. */
export function scratch(): { readonly path: string; at: (...names: string[]) => string } {
  const state = { path: '' }
  beforeEach(() => {
    state.path = mkdtempSync(join(tmpdir(), 'store-'))
  })
  afterEach(() => {
    rmSync(state.path, { recursive: true, force: true })
  })
  return {
    get path() {
      return state.path
    },
    at: (...names) => join(state.path, ...names),
  }
}

/** Writes files, the directories too; a name that ends with a slash is a directory. */
export function plant(root: string, files: Readonly<Record<string, string>>): Layout {
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!name.endsWith('/')) writeFileSync(path, text)
  }
  return new Layout(root)
}

/** For assert.rejects and assert.throws. */
export function withCode(code: string): (error: unknown) => boolean {
  return (error) => {
    if ((error as { code?: unknown }).code === code) return true
    throw error
  }
}
