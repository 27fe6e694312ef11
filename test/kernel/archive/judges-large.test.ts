import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { GraphDriver } from 'graphdriver'
import { AT_FDCWD, mknodatSync } from 'graphdriver/sys'
import { unlessLong } from '../../figures.ts'
import { itUnless } from '../../skip.ts'
import { describeAsRoot } from '../namespace.ts'
import { plantLayer, withStore } from './judges/ours.ts'
import { missingPrograms, scratch } from './judges/tools.ts'

/** One byte more than eleven octal digits tell, none of them on disk. */
const SIZE = 8 * 2 ** 30
const BLOCK = 512

describeAsRoot('the tar of a file of 8 GiB', () => {
  const at = scratch('large')

  async function withLayer<T>(work: (graph: GraphDriver) => Promise<T>): Promise<T> {
    return withStore(at('store'), 'vfs', async (graph) => {
      await plantLayer(graph, 'large', [
        { path: 'hole', kind: 'file', size: SIZE, mtime: 0n },
        { path: 'next', kind: 'file', content: Buffer.from('after it'), mtime: 0n },
      ])
      return work(graph)
    })
  }

  it('says its size in a PAX record, and in the header in base 256', async () => {
    const [pax, header] = await withLayer(async (graph) => {
      for await (const chunk of await graph.diff('large')) {
        const bytes = chunk as Buffer
        return [bytes.subarray(BLOCK, 2 * BLOCK), bytes.subarray(2 * BLOCK, 3 * BLOCK)]
      }
      return assert.fail('the stream was empty')
    })
    assert.equal(pax.toString('latin1').replace(/\0*$/, ''), `19 size=${SIZE}\n`)
    assert.equal(header.toString('latin1', 0, 5), 'hole\0')
    assert.equal(header.toString('hex', 124, 136), '800000000000000200000000')
  })

  const whole = 'is listed by GNU tar to its end, and so is what comes after it'
  const missing = unlessLong('8 GiB go through a pipe') ?? missingPrograms(['tar'])
  itUnless(missing, whole, async () => {
    const listing = await withLayer(async (graph) => {
      mknodatSync(AT_FDCWD, at('pipe'), constants.S_IFIFO | 0o600)
      const words = ['--warning=all', '--utc', '--numeric-owner', '-b', '2048', '-tvf', at('pipe')]
      const tar = spawn('tar', words, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, LC_ALL: 'C' },
      })
      const ended = Promise.all([text(tar.stdout), text(tar.stderr), once(tar, 'close')])
      await using pipe = await openFile(at('pipe'), 'w')
      await graph.diffTo('large', pipe)
      await pipe.close()
      const [output, complaints, [status]] = (await ended) as [string, string, [number]]
      assert.deepEqual([complaints, status], ['', 0])
      return output
    })
    const words = listing.split('\n').map((line) => line.split(/ +/))
    assert.deepEqual(words, [
      ['-rw-r--r--', '0/0', String(SIZE), '1970-01-01', '00:00', 'hole'],
      ['-rw-r--r--', '0/0', '8', '1970-01-01', '00:00', 'next'],
      [''],
    ])
  })
})
