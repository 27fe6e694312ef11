// Whether JavaScript waits while 2 GB stream and a hundred mounts come and go.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { mountMany, unmountMany } from 'graphdriver/mount'
import { dropOverlay, inside } from '../overlays.mjs'
import { makeMany } from './mount-many.mjs'

async function delay(state) {
  const graph = await state.bench.store()
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  let streaming = true
  const mounting = inside(state, async () => {
    while (streaming) {
      await mountMany(state.specs)
      await unmountMany(state.targets)
    }
  })
  histogram.enable()
  try {
    let bytes = 0
    for await (const chunk of await graph.diff('large')) bytes += chunk.length
    if (bytes === 0) throw new Error('the stream is empty')
  } finally {
    streaming = false
    histogram.disable()
    await mounting
  }
  return histogram.percentile(99.9) / 1e6
}

export default {
  name: 'event-loop',
  work: 'delay of the event loop while 2 GB stream and 100 mounts come and go: 99.9th percentile',
  limit: 10,
  unit: 'ms',
  prepare: async (bench) => {
    await bench.layer('large')
    return makeMany(bench, 'event-loop', 16)
  },
  measure: delay,
  end: dropOverlay,
}
