// For machines that are so many times slower than others (GRAPHDRIVER_SLOW): every time that a case is given is as many times longer.
const { Runnable } = require('mocha')

const factor = Number(process.env.GRAPHDRIVER_SLOW)
const { timeout } = Runnable.prototype
Runnable.prototype.timeout = function (...given) {
  return timeout.apply(this, given.length > 0 && Number.isFinite(given[0]) ? [given[0] * factor] : given)
}
