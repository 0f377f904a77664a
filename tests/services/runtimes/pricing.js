'use strict';
const ROUNDS = Number(process.env.PLANTED || 0);

// The planted work: what it costs depends on ROUNDS alone.
function surcharge(order) {
  let sum = order.total;
  for (let n = 0; n < ROUNDS; n += 1) sum = (sum * 31 + n) % 1000003;
  return sum;
}

function discount(order) {
  let sum = 0;
  for (let n = 0; n < 2000; n += 1) sum = (sum + order.total * n) % 9973;
  return sum;
}

exports.pricing = (order) => discount(order) + (ROUNDS ? surcharge(order) : 0);
