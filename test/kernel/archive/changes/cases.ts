import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changes, type ChangesOptions } from '#lib/archive/changes.js'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { describeUnless, type Missing, notRoot } from '../../../skip.ts'
import { type Bytes, layerOf, shown, writeLayer } from './layers.ts'

type Short = Readonly<Record<Bytes, string | null>>

/** A suite that makes devices, owners and trusted attributes; skipped without root. */
export function describeAsRoot(title: string, body: (scratch: () => string) => void): void {
  const missing = notRoot && `${notRoot}: devices, owners, trusted attributes`
  describeInScratch(title, body, missing)
}

/** A suite whose every case has a directory of its own. */
export function describeInScratch(
  title: string,
  body: (scratch: () => string) => void,
  missing?: Missing,
): void {
  describeUnless(missing, title, () => {
    let directory = ''
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'compared-'))
    })
    afterEach(() => {
      rmSync(directory, { recursive: true, force: true })
    })
    body(() => directory)
  })
}

/** Writes a stack of layers in one form, the topmost first; answers its directories. */
export function stack(scratch: string, form: LayerForm, ...layers: Short[]): string[] {
  return layers.map((layer, index) => {
    const directory = mkdtempSync(join(scratch, `${layers.length - index}-`))
    writeLayer(directory, layerOf(layer), form)
    return directory
  })
}

export async function list(options: ChangesOptions): Promise<string[]> {
  return (await changes(options)).map(shown)
}

/** What the topmost layer did. */
export async function touched(scratch: string, form: LayerForm, ...layers: Short[]): Promise<string[]> {
  const directories = stack(scratch, form, ...layers)
  return list({ layers: directories, parents: directories.slice(1), form, judge: 'touched' })
}
