import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AT_FDCWD, mknodatSync, setxattrSync } from 'graphdriver/sys'
import { privileged, type TestStore, within } from './support.ts'

const S_IFCHR = 0o020000

/** What is changed in a layer; directories that are missing are made. */
export interface Edits {
  /** Files to write, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** What the layers below have, and this one no more. */
  readonly gone?: readonly string[]
  /** Directories that have nothing of what the layers below have in them. */
  readonly opaque?: readonly string[]
}

/** Changes a layer without a union: by hand, in the form in which its driver would leave it. */
export async function edit(store: TestStore, id: string, edits: Edits): Promise<void> {
  if (store.driver === 'vfs') {
    await within(store.graph, id, (path) => editCopy(path, edits))
    return
  }
  const { files = {}, gone = [], opaque = [] } = edits
  const layer = store.at('diff', id)
  for (const path of opaque) {
    await mkdir(join(layer, path), { recursive: true })
    if (store.driver === 'aufs') await writeFile(join(layer, path, '.wh..wh..opq'), '')
    else
      setxattrSync(join(layer, path), `${privileged ? 'trusted' : 'user'}.overlay.opaque`, Buffer.from('y'))
  }
  for (const path of gone) await whiteout(store.driver, join(layer, path))
  await writeAll(layer, files)
}

async function whiteout(driver: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (driver === 'aufs')
    await writeFile(`${dirname(path)}/.wh.${path.slice(path.lastIndexOf('/') + 1)}`, '', { mode: 0o444 })
  else mknodatSync(AT_FDCWD, path, S_IFCHR, 0, 0)
}

async function editCopy(view: string, { files = {}, gone = [], opaque = [] }: Edits): Promise<void> {
  for (const path of [...gone, ...opaque]) await rm(join(view, path), { recursive: true })
  for (const path of opaque) await mkdir(join(view, path), { recursive: true })
  await writeAll(view, files)
}

async function writeAll(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
    await chmod(join(directory, path), 0o644)
  }
}
