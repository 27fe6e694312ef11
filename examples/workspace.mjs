// A copy-on-write workspace for each task: each starts from the same tree and sees its own changes only. Afterwards one is looked at as a
// diff and kept as a tar, the others are discarded. `node workspace.mjs [store] [directory]`
import { mkdtemp, open as openFile, readFile, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'graphdriver'

const [root = await mkdtemp(join(tmpdir(), 'workspaces-')), source = import.meta.dirname] =
  process.argv.slice(2)
const driver = await open({ root })

/** Makes the tree that every task starts from, once. */
async function prepare() {
  if (await driver.exists('tree')) return
  const tar = spawn('tar', ['-C', source, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await driver.create('tree', { from: tar.stdout })
}

/** Runs a task in a workspace of its own. */
async function inWorkspace(id, task) {
  await driver.create(id, { parent: 'tree' })
  const path = await driver.get(id)
  try {
    await task(path)
  } finally {
    await driver.put(id)
  }
}

/** What a task changed, as a list and as a tar. */
async function keep(id, file) {
  for (const { kind, path } of await driver.changes(id)) console.log(`${id}: ${kind} ${path}`)
  const tar = await openFile(file, 'w')
  const { entries, size } = await driver.diffTo(id, tar)
  await tar.close()
  console.log(`${id}: kept as ${file}, ${entries} entries, ${size} bytes`)
}

try {
  await prepare()
  await Promise.all(
    ['blue', 'green'].map((id) => inWorkspace(id, (path) => writeFile(join(path, 'result'), `${id}\n`))),
  )
  await inWorkspace('look', async (path) => {
    const seen = await readFile(join(path, 'result'), 'utf8').catch((error) => error.code)
    console.log(`another workspace sees: ${seen}`)
  })
  await keep('blue', join(root, 'blue.tar'))
  for (const id of ['blue', 'green', 'look']) await driver.remove(id)
} finally {
  await driver.close()
}
