import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { entries, pack, packTo } from 'graphdriver/archive'
import { PackJob } from '#lib/sys/pack.js'
import { AT_FDCWD, mknodatSync } from 'graphdriver/sys'
import { describeMounts, openDescriptors } from '../namespace.ts'

const { S_IFCHR, S_IFIFO } = constants
const MEBIBYTE = 1 << 20

describeMounts('pack', (directory) => {
  let tree = ''
  const at = (...parts: string[]): string => join(tree, ...parts)
  beforeEach(() => {
    tree = join(directory(), 'tree')
    mkdirSync(tree, { mode: 0o755 })
  })

  it('of one descriptor, twice at once and once more: each tar is whole', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(at(name), name)
    const fd = openSync(tree, constants.O_RDONLY | constants.O_DIRECTORY)
    const job = (): PackJob => PackJob.tree({ directory: fd, parent: fd, path: tree, form: 'plain' })
    const whole = async (one: PackJob): Promise<Buffer> => {
      const blocks: Buffer[] = []
      for (let block = await one.next(); block !== undefined; block = await one.next()) blocks.push(block)
      return Buffer.concat(blocks)
    }
    try {
      const tars = [...(await Promise.all([whole(job()), whole(job())])), await whole(job())]
      const [first, ...others] = tars
      assert.ok(first!.includes('c'))
      for (const tar of others) assert.deepEqual(tar, first)
    } finally {
      closeSync(fd)
    }
  })

  describe('of a tree that changes meanwhile', () => {
    /** Packs behind a file that is larger than what is made ahead: `change` runs while that one is read. */
    const changing = async (change: () => void): Promise<{ tar: Buffer; warnings: string[][] }> => {
      writeFileSync(at('a'), '')
      truncateSync(at('a'), 32 * MEBIBYTE)
      const stream = await pack(tree)
      const parts: Buffer[] = []
      for await (const part of stream) {
        if (parts.length === 0) change()
        parts.push(part as Buffer)
      }
      return { tar: Buffer.concat(parts), warnings: stream.warnings.map(({ code, path }) => [code, path]) }
    }
    const listed = async (tar: Buffer): Promise<string[][]> => {
      const found: string[][] = []
      for await (const { name, type, size } of entries(Readable.from([tar])))
        found.push([name.toString(), type, String(size)])
      return found
    }
    const big = String(32 * MEBIBYTE)

    it('fills a file that shrinks with zeros', async () => {
      const { tar, warnings } = await changing(() => truncateSync(at('a'), 10))
      assert.deepEqual(await listed(tar), [['a', 'file', big]])
      assert.deepEqual(warnings, [['FILE_SHRANK', 'a']])
    })

    it('takes what was promised of a file that grows', async () => {
      const { tar, warnings } = await changing(() => appendFileSync(at('a'), 'more'))
      assert.deepEqual(await listed(tar), [['a', 'file', big]])
      assert.deepEqual(warnings, [['FILE_GREW', 'a']])
    })

    it('leaves out what vanishes', async () => {
      for (const name of ['b', 'c']) writeFileSync(at(name), name)
      mkdirSync(at('d'))
      const { tar, warnings } = await changing(() => {
        rmSync(at('b'))
        rmSync(at('d'), { recursive: true })
      })
      assert.deepEqual(await listed(tar), [
        ['a', 'file', big],
        ['c', 'file', '1'],
      ])
      assert.deepEqual(warnings, [
        ['VANISHED', 'b'],
        ['VANISHED', 'd'],
      ])
    })

    it('takes what became something else as what it is, and never waits for a fifo', async () => {
      for (const name of ['b', 'c', 'd', 'e']) writeFileSync(at(name), name)
      mkdirSync(at('f'))
      const { tar, warnings } = await changing(() => {
        for (const name of ['b', 'c', 'd', 'e']) rmSync(at(name))
        rmSync(at('f'), { recursive: true })
        mknodatSync(AT_FDCWD, at('b'), S_IFIFO | 0o600, 0, 0)
        symlinkSync('/etc/passwd', at('c'))
        mkdirSync(at('d'))
        writeFileSync(at('d/inside'), 'x')
        mknodatSync(AT_FDCWD, at('e'), S_IFCHR | 0o600, 1, 3)
        symlinkSync('/etc', at('f'))
      })
      assert.deepEqual(await listed(tar), [
        ['a', 'file', big],
        ['b', 'fifo', '0'],
        ['c', 'symlink', '0'],
        ['d/', 'directory', '0'],
        ['d/inside', 'file', '1'],
        ['e', 'char', '0'],
        ['f', 'symlink', '0'],
      ])
      assert.deepEqual(warnings, [])
    })

    it('finds a directory where it was moved to', async () => {
      mkdirSync(at('d/e'), { recursive: true })
      mkdirSync(at('elsewhere'))
      const { tar } = await changing(() => {
        renameSync(at('d'), at('elsewhere/d'))
      })
      const found = (await listed(tar)).map(([name]) => name)
      assert.deepEqual(found, ['a', 'elsewhere/', 'elsewhere/d/', 'elsewhere/d/e/'])
    })
  })

  describe('into a file', () => {
    it('writes the same bytes as the stream', async () => {
      for (let i = 0; i < 50; i++) writeFileSync(at(String(i)), Buffer.alloc(i * 7919, i))
      const hash = createHash('sha256')
      for await (const part of await pack(tree)) hash.update(part as Buffer)
      const file = join(directory(), 'tar')
      const to = await open(file, 'w')
      const result = await packTo(tree, to)
      await to.close()
      const bytes = readFileSync(file)
      assert.deepEqual([result.size, result.entries], [bytes.length, 50])
      assert.equal(createHash('sha256').update(bytes).digest('hex'), hash.digest('hex'))
    })

    it('moves big files into a pipe without a copy, exactly', async () => {
      const content = Buffer.alloc(3 * MEBIBYTE + 17, 'pipe')
      writeFileSync(at('big'), content)
      writeFileSync(at('small'), 'small')
      execFileSync('mkfifo', [join(directory(), 'fifo')])
      const reader = spawn('sha256sum', [join(directory(), 'fifo')])
      let sum = ''
      reader.stdout.on('data', (data: Buffer) => (sum += data.toString()))
      const to = await open(join(directory(), 'fifo'), 'w')
      await packTo(tree, to)
      await to.close()
      await new Promise((resolve) => reader.once('close', resolve))
      const hash = createHash('sha256')
      for await (const part of await pack(tree)) hash.update(part as Buffer)
      assert.equal(sum.split(' ')[0], hash.digest('hex'))
    })

    it('fails with the error of the writing', async () => {
      writeFileSync(at('big'), '')
      truncateSync(at('big'), 80 * MEBIBYTE)
      const to = await open(join(directory(), 'tar'), 'w')
      await assert.rejects(packTo(tree, to), { code: 'ENOSPC', syscall: 'write' })
      await to.close()
      const readOnly = await open(join(directory(), 'tar'), 'r')
      await assert.rejects(packTo(tree, readOnly), { code: 'EBADF', syscall: 'write' })
      await readOnly.close()
    })

    it('can be aborted while the reader of a pipe sleeps', async () => {
      writeFileSync(at('big'), '')
      truncateSync(at('big'), 16 * MEBIBYTE)
      for (const flags of [0, constants.O_NONBLOCK]) {
        const fifo = join(directory(), `fifo${String(flags)}`)
        execFileSync('mkfifo', [fifo])
        const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
        const to = await open(fifo, constants.O_WRONLY | flags)
        const controller = new AbortController()
        const done = packTo(tree, to, { signal: controller.signal })
        setTimeout(() => {
          controller.abort(new Error('enough'))
          // A write that waits in the kernel goes on when the pipe breaks or is read.
          closeSync(reader)
        }, 50)
        await assert.rejects(done, { message: 'enough' })
        await to.close()
      }
    })
  })

  describe('as a stream', () => {
    beforeEach(() => {
      writeFileSync(at('big'), '')
      truncateSync(at('big'), 64 * MEBIBYTE)
    })

    it('ends its work when it is destroyed, aborted or left', async () => {
      const before = openDescriptors()
      const destroyed = await pack(tree)
      destroyed.destroy()
      const left = await pack(tree)
      for await (const part of left) {
        assert.ok((part as Buffer).length > 0)
        break
      }
      assert.equal(left.destroyed, true)
      const controller = new AbortController()
      const aborted = await pack(tree, { signal: controller.signal })
      const reason = new Error('enough')
      await assert.rejects(
        pipeline(aborted, async (source: AsyncIterable<Buffer>) => {
          for await (const part of source) {
            assert.ok(part.length > 0)
            controller.abort(reason)
          }
        }),
        (error) => error === reason,
      )
      await assert.rejects(pack(tree, { signal: AbortSignal.abort(reason) }), (error) => error === reason)
      // The last reference to the tree's directory goes with the thread that reads it.
      for (let tries = 0; openDescriptors().size > before.size && tries < 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.deepEqual([...openDescriptors().values()].sort(), [...before.values()].sort())
    })

    it('tells how far it is', async () => {
      const seen: number[] = []
      const stream = await pack(tree, { onProgress: ({ bytes }) => seen.push(bytes) })
      let size = 0
      for await (const part of stream) size += (part as Buffer).length
      assert.equal(seen.at(-1), size)
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      )
      assert.deepEqual(stream.progress, { bytes: size, entries: 1 })
    })

    it('survives the end of the worker that reads it', async () => {
      const code = `
        const { parentPort, workerData } = require('node:worker_threads')
        import(workerData.module).then(async ({ pack }) => {
          for await (const part of await pack(workerData.tree)) {
            parentPort.postMessage(part.length)
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        })`
      const module = import.meta.resolve('#lib/archive/pack.js')
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(code, { eval: true, workerData: { module, tree } })
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      // The blocks that the worker held went with it; ours still come.
      let size = 0
      for await (const part of await pack(tree)) size += (part as Buffer).length
      assert.equal(size % 512, 0)
      assert.ok(size > 64 * MEBIBYTE)
    })

    it('says which directory cannot be opened', async () => {
      await assert.rejects(pack(at('nobody')), { code: 'ENOENT' })
      await assert.rejects(pack(at('big')), { code: 'ENOTDIR' })
    })
  })
})
