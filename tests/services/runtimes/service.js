// An Express service with a hot function that can be planted: PLANTED_MS of work for each /orders.
'use strict';
const express = require('express');
const { pricing } = require('./pricing.js');

const app = express();
const orders = Array.from({ length: 200 }, (_, id) => ({ id, total: id * 7, state: id % 3 ? 'open' : 'paid' }));
app.get('/health', (_, response) => response.json({ ok: true }));
app.get('/orders', (_, response) => response.json(orders.map((each) => ({ ...each, price: pricing(each) }))));
app.get('/customers', (_, response) => response.json(orders.slice(0, 20).map((each) => ({ id: each.id }))));
app.listen(Number(process.argv[2]), '127.0.0.1');
