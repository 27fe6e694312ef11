import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { DiffOptions, DiffResult, GraphDriver } from '../../index.ts'
import type { Context } from '../context.ts'
import { UsageError } from '../usage.ts'
import type { Input } from '../input.ts'
import { tellWarnings } from '../tar.ts'
import { naming } from '../naming.ts'
import { openTarget, streamInto } from '../target.ts'
import { count, formatBytes } from '../format.ts'
import type { Verb } from '../verb.ts'
import { LAYER, PARENT } from '../words.ts'

export const diff: Verb = {
  name: 'diff',
  summary: 'write a layer as a tar',
  details: [
    'What the layer adds, modifies and deletes against the layer below, by the rules of the OCI image specification; the same bytes each time. A file is there whole or not at all.',
  ],
  arguments: [LAYER],
  options: [
    { flags: '-o, --output <file>', summary: 'where to; without it, the standard output', kind: 'file' },
    { flags: '-z, --gzip', summary: 'compress it' },
    PARENT,
    {
      flags: '--times <precision>',
      summary: 'of times; seconds is what Docker writes',
      choices: ['exact', 'seconds'],
    },
  ],
  shape:
    '{ id, size, entries, warnings: { code, path, detail }[] }; on the standard error where the tar goes to the standard output',
  examples: [{ command: 'graphdriver diff app --gzip -o app.tar.gz', says: 'a layer as images have it' }],
  async run(input, context) {
    const id = input.word('id')
    const output = input.maybe('output')
    const toStdout = output === undefined || output === '-'
    if (toStdout && process.stdout.isTTY) {
      throw new UsageError('a tar is not for a terminal: name a file with --output, or redirect the output')
    }
    const options = diffOptions(input)
    await using driver = await context.look()
    const gzip = input.on('gzip')
    const result = await naming(toStdout ? 'the standard output' : output, 'write', () =>
      toStdout
        ? stream(driver, id, process.stdout, options, gzip, context)
        : writeFile(driver, id, output, options, gzip, context),
    )
    tellWarnings(context, result.warnings)
    const { size, entries, warnings } = result
    const said = `${id}: ${count(entries, 'entry', 'entries')}, ${formatBytes(size)}`
    return { data: { id, size, entries, warnings }, text: () => (toStdout ? '' : said), aside: toStdout }
  },
}

function diffOptions(input: Input): DiffOptions {
  const times = input.maybe('times')
  return {
    ...input.given({ parent: 'parent' }),
    ...(times !== undefined && { times: times === 'seconds' ? 'seconds' : 'exact' }),
  }
}

async function writeFile(
  driver: GraphDriver,
  id: string,
  path: string,
  options: DiffOptions,
  gzip: boolean,
  context: Context,
): Promise<DiffResult> {
  await using target = await openTarget(path)
  const result = gzip
    ? await stream(driver, id, streamInto(target.file), options, true, context)
    : await context.watchedTar(`diff ${id}`, undefined, (more) =>
        driver.diffTo(id, target.file, { ...options, ...more }),
      )
  await target.commit()
  return result
}

/** Through JavaScript: compressed, or into a stream that Node has opened. */
async function stream(
  driver: GraphDriver,
  id: string,
  to: Writable,
  options: DiffOptions,
  gzip: boolean,
  context: Context,
): Promise<DiffResult> {
  return context.watchedTar(`diff ${id}`, undefined, async (more) => {
    const tar = await driver.diff(id, { ...options, ...more })
    const end = to !== process.stdout
    // The standard output is not ours to end.
    if (gzip) await pipeline(tar, createGzip(), to, { end, signal: context.signal })
    else await pipeline(tar, to, { end, signal: context.signal })
    return { size: tar.progress.bytes, entries: tar.progress.entries, warnings: tar.warnings }
  })
}
