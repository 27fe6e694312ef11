import assert from 'node:assert/strict'
import {
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { AT_FDCWD, mknodatSync } from 'graphdriver/sys'
import { changes, diffSize } from '#lib/archive/changes.js'
import { describeAsRoot, describeInScratch, stack } from './changes/cases.ts'

describeAsRoot('diffSize', (scratch) => {
  it('each inode once, links by their length; directories, devices, whiteouts and bookkeeping nothing', async () => {
    for (const form of ['aufs', 'overlay'] as const) {
      const directories = stack(
        scratch(),
        form,
        { 'd/': '', 'd/f': '12345', gone: null, g: '123' },
        { gone: '1', g: '1' },
      )
      const at = (name: string): string => join(directories[0]!, name)
      linkSync(at('d/f'), at('d/again'))
      linkSync(at('d/f'), at('third'))
      symlinkSync('1234567', at('link'))
      linkSync(at('link'), at('same-link'))
      mknodatSync(AT_FDCWD, at('device'), 0o060600, 1, 2)
      mknodatSync(AT_FDCWD, at('fifo'), 0o010600)
      if (form === 'aufs') writeFileSync(at('.wh.heavy'), 'x'.repeat(1000))
      const options = { layers: directories, parents: directories.slice(1), form } as const
      assert.equal(await diffSize({ ...options, judge: 'touched' }), 15, form)
      assert.equal(await diffSize({ ...options, judge: 'exact' }), 15, form)
    }
  })

  it('of two copies: what was added or modified', async () => {
    const short = { 'd/': '', 'd/same': '12', 'd/changed': '123', deleted: '1234' }
    const [layer, parent] = stack(scratch(), 'plain', short, short) as [string, string]
    truncateSync(join(layer, 'd/changed'), 1)
    unlinkSync(join(layer, 'deleted'))
    writeFileSync(join(layer, 'added'), 'x'.repeat(100))
    linkSync(join(layer, 'added'), join(layer, 'd/added'))
    assert.equal(await diffSize({ layers: [layer], parents: [parent], judge: 'exact' }), 101)
    assert.equal(await diffSize({ layers: [parent], parents: [], judge: 'exact' }), 9)
    assert.equal(readFileSync(join(parent, 'deleted'), 'utf8'), '1234')
  })
})

describeInScratch('changes: arguments and failures', (scratch) => {
  it('a layer that is missing, or no directory, is an error that names it', async () => {
    const missing = join(scratch(), 'missing')
    const file = join(scratch(), 'file')
    writeFileSync(file, '')
    for (const judge of ['touched', 'exact'] as const) {
      for (const verb of [changes, diffSize]) {
        const absent = { code: 'ENOENT', path: missing }
        await assert.rejects(verb({ layers: [missing], parents: [], judge }), absent)
        await assert.rejects(verb({ layers: [file], parents: [], judge }), { code: 'ENOTDIR', path: file })
      }
      const options = { layers: [scratch(), missing], parents: [missing], judge }
      await assert.rejects(changes(options), { code: 'ENOENT', path: missing })
    }
  })

  it('touched needs the parents below the layer; a view needs a layer', async () => {
    const invalid = { code: 'ERR_INVALID_ARG_VALUE' }
    await assert.rejects(changes({ layers: [scratch(), scratch()], parents: [], judge: 'touched' }), invalid)
    await assert.rejects(changes({ layers: [scratch()], parents: [scratch()], judge: 'touched' }), invalid)
    await assert.rejects(changes({ layers: [], parents: [], judge: 'exact' }), invalid)
  })

  it('an abort before or meanwhile rejects with its reason', async () => {
    const cause = new Error('enough')
    await assert.rejects(
      changes({ layers: [scratch()], parents: [], judge: 'exact', signal: AbortSignal.abort(cause) }),
      cause,
    )
    for (let index = 0; index < 2000; index++) mkdirSync(join(scratch(), `d${index}`))
    for (const verb of [changes, diffSize]) {
      const abort = new AbortController()
      const running = verb({ layers: [scratch()], parents: [], judge: 'exact', signal: abort.signal })
      abort.abort(cause)
      await assert.rejects(running, cause)
    }
  })
})
